/** Which settings of two topologies differ, one line for each. */

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
  return differences(a, b, '').filter(({ path }) => !PLACES.has(path));
}

/** Down to the values that differ. Lists are values: their order matters. What only one has is told as a whole. */
function differences(a: unknown, b: unknown, path: string): SettingDiff[] {
  if (!isMapping(a) || !isMapping(b)) {
    const [left, right] = [textOf(a), textOf(b)];
    return left === right ? [] : [{ path, a: left, b: right }];
  }
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].flatMap((key) => differences(a[key], b[key], path === '' ? key : `${path}.${key}`));
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
