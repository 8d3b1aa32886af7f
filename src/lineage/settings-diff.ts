/** Which settings of two topologies differ, one line for each. */
import { changesIn } from '../topology/changes.ts';

export interface SettingDiff {
  /** Such as `stages.train.beta`. */
  readonly path: string;
  /** As JSON; null where it is not there. */
  readonly a: string | null;
  readonly b: string | null;
}

/** Settings that say where a run is, and not what becomes of its records. */
const PLACES: ReadonlySet<string> = new Set(['run', 'folder']);

export function settingsDiff(a: object, b: object): SettingDiff[] {
  return changesIn(a, b)
    .map(({ path, was, is }) => ({ path: path.join('.'), a: textOf(was), b: textOf(is) }))
    .filter(({ path }) => !PLACES.has(path));
}

function textOf(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
