/** What differs in two values, such as topologies or records: down to the values that do. */
import { isObject } from './schema-walk.ts';

export interface Change {
  readonly path: readonly string[];
  /** Undefined where it is not there. */
  readonly was: unknown;
  readonly is: unknown;
}

export interface ChangesOptions {
  /** Keys that are passed over, wherever they stand. */
  readonly skip?: readonly string[];
  /** Whether what is in two mappings is compared one by one, and not as a whole; it is otherwise. */
  readonly into?: (was: Mapping, is: Mapping) => boolean;
}

type Mapping = Readonly<Record<string, unknown>>;

/** In the order of the keys. Lists are values: their order matters. What only one has is told as a whole. */
export function changesIn(
  was: unknown,
  is: unknown,
  options: ChangesOptions = {},
  path: readonly string[] = [],
): Change[] {
  const { skip = [], into = () => true } = options;
  if (skip.includes(path.at(-1) ?? '')) return [];
  if (isObject(was) && isObject(is) && into(was, is)) {
    const keys = [...new Set([...Object.keys(was), ...Object.keys(is)])];
    return keys.flatMap((key) => changesIn(was[key], is[key], options, [...path, key]));
  }
  return JSON.stringify(was) === JSON.stringify(is) ? [] : [{ path, was, is }];
}
