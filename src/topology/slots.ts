/** Where in a topology the parts of each slot stand: for what is the same for parts of all kinds. */
import type { ModuleSettings } from '../modules/module-settings.ts';
import type { KindOf } from '../parts/kind.ts';
import { JUDGES, POLICIES, REWARDS, TOOLS } from './kinds.ts';
import { isObject } from './schema-walk.ts';

export interface Slot {
  /** As definitions of parts name it. */
  readonly part: string;
  /** Where its parts stand; `*` is any name. */
  readonly path: string;
  readonly kinds: readonly KindOf<never, unknown>[];
}

export const SLOTS: readonly Slot[] = [
  { part: 'policy', path: 'policy', kinds: POLICIES },
  { part: 'tool', path: 'tools.*', kinds: TOOLS },
  { part: 'judge', path: 'judge', kinds: JUDGES },
  { part: 'reward', path: 'reward', kinds: REWARDS },
];

/** A mapping in a topology, and where it stands. */
export interface Place {
  readonly path: readonly string[];
  readonly node: Record<string, unknown>;
}

/** The mappings at a path; `*` is any key. */
export function nodesAt(
  root: unknown,
  [head, ...rest]: readonly string[],
  path: readonly string[] = [],
): Place[] {
  if (!isObject(root)) return [];
  if (head === undefined) return [{ path, node: root }];
  const keys = head === '*' ? Object.keys(root) : [head];
  return keys.flatMap((key) => nodesAt(root[key], rest, [...path, key]));
}

export interface ModulePlace {
  readonly part: string;
  readonly path: readonly string[];
  readonly node: ModuleSettings;
}

/** The parts of a topology that stand in modules. */
export function modulesIn(topology: unknown): ModulePlace[] {
  return SLOTS.flatMap(({ part, path }) =>
    nodesAt(topology, path.split('.')).flatMap((place) =>
      place.node.kind === 'module' ? [{ part, ...(place as Place & { node: ModuleSettings }) }] : [],
    ),
  );
}
