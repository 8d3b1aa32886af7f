/** Where in a topology the parts of each slot stand: for what is the same for parts of all kinds. */
import type { ModuleSettings } from '../modules/module-settings.ts';
import type { KindOf } from '../parts/kind.ts';
import { ADVANTAGES, JUDGES, MATCHERS, POLICIES, READERS, REWARDS, STAGE_KINDS, TOOLS } from './kinds.ts';
import { isObject } from './schema-walk.ts';
import type { StageName } from './stage-configs.ts';
import type { Topology } from './topology.ts';

export interface Slot {
  /** As definitions of parts name it. */
  readonly part: string;
  /** Where its parts stand; `*` is any name. */
  readonly path: string;
  readonly kinds: readonly KindOf<never, unknown>[];
  /** The stages that ask its parts, whether they are there or not. */
  readonly stages: (topology: Topology, path: readonly string[]) => readonly string[];
  /** Further stages in whose company it is checked, though they do not ask it. */
  readonly beside?: readonly StageName[];
}

/** The rules ask the tools that are cheap to ask. */
const byRules = (topology: Topology): StageName[] => {
  const { judge, reward } = topology;
  return [
    ...(judge.kind === 'rules' ? judgeAskers(topology) : []),
    ...(reward.kind === 'rules' ? (['reward'] as const) : []),
  ];
};

/** The reward `judge` asks it again. */
const judgeAskers = ({ reward }: Topology): StageName[] =>
  reward.kind === 'judge' ? ['judge', 'reward'] : ['judge'];

export const SLOTS: readonly Slot[] = [
  { part: 'policy', path: 'policy', kinds: POLICIES, stages: () => ['rollout', 'resample', 'train'] },
  { part: 'tool', path: 'tools.*', kinds: TOOLS, stages: (topology) => ['tools', ...byRules(topology)] },
  { part: 'judge', path: 'judge', kinds: JUDGES, stages: judgeAskers },
  { part: 'reward', path: 'reward', kinds: REWARDS, stages: () => ['reward'] },
  {
    part: 'matcher',
    path: 'matcher',
    kinds: MATCHERS,
    stages: ({ stages }) => (stages.filter?.mode.includes('outcome') ? ['filter'] : []),
    // What answers questions may be evaluated.
    beside: ['rollout'],
  },
  { part: 'reader', path: 'readers.*', kinds: READERS, stages: () => [], beside: ['start'] },
  { part: 'advantage', path: 'stages.train.advantage', kinds: ADVANTAGES, stages: () => ['train'] },
  { part: 'stage', path: 'ownStages.*', kinds: STAGE_KINDS, stages: (_, path) => path.slice(-1) },
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

/** A part of a topology. */
export interface PartPlace extends Place {
  readonly slot: Slot;
  readonly kind: KindOf<never, unknown>;
}

/** Every part that a topology names, with its kind. */
export function partsIn(topology: unknown): PartPlace[] {
  return SLOTS.flatMap((slot) =>
    nodesAt(topology, slot.path.split('.')).flatMap((place) =>
      slot.kinds.filter(({ name }) => name === place.node.kind).map((kind) => ({ ...place, slot, kind })),
    ),
  );
}

export interface ModulePlace extends PartPlace {
  readonly node: PartPlace['node'] & ModuleSettings;
}

/** Whether a part stands in a module. */
export function isModule(place: PartPlace): place is ModulePlace {
  return place.kind.name === 'module';
}

/** Whether a part is of use in this topology. */
export function isUsed(place: PartPlace, topology: Topology): boolean {
  const { beside = [] } = place.slot;
  return askersOf(place, topology).length > 0 || beside.some((stage) => topology.stages[stage] !== undefined);
}

/** The stages of this topology that ask a part. */
export function askersOf({ slot, path }: PartPlace, topology: Topology): readonly string[] {
  const isSwirls = (stage: string) => topology.stages[stage as StageName] !== undefined;
  return slot.stages(topology, path).filter((stage) => slot.part === 'stage' || isSwirls(stage));
}
