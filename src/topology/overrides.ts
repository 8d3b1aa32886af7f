/** Settings changed on the command line: `--set stages.filter.mode=outcome`. */
import { parse } from 'yaml';
import { ConfigError } from '../errors.ts';
import { isObject } from './schema-walk.ts';

export interface Override {
  readonly path: readonly string[];
  readonly value: unknown;
  /** As it was given, for messages. */
  readonly text: string;
}

/** Parses `path=value`; the value is YAML, so that numbers, lists and `null` are what they look like. */
export function parseOverride(text: string): Override {
  const [, left, right] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  const path = (left ?? '').split('.').map((segment) => segment.trim());
  if (left === undefined || right === undefined || path.some((segment) => segment === '')) {
    throw new ConfigError(
      `--set ${text}: expected path=value with the path's keys joined by dots, such as stages.filter.mode=outcome`,
    );
  }
  try {
    return { path, value: parse(right, { maxAliasCount: 0 }), text: `--set ${text}` };
  } catch (error) {
    throw new ConfigError(`--set ${text}: the value is not valid YAML: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/**
 * The value with the overrides applied in order; the original is not changed. Keys on the way are made
 * where they are missing. A path through something that holds no keys is a `ConfigError`.
 */
export function applyOverrides(value: unknown, overrides: readonly Override[]): unknown {
  if (overrides.length === 0) return value;
  const root: unknown = structuredClone(value ?? {});
  for (const override of overrides) {
    let node: unknown = root;
    for (const [index, segment] of override.path.entries()) {
      if (!isObject(node) && !Array.isArray(node)) {
        const parent = override.path.slice(0, index).join('.') || 'the topology';
        throw new ConfigError(
          `${override.text}: \`${parent}\` holds no keys, so \`${segment}\` cannot be set in it`,
        );
      }
      if (Array.isArray(node) && !(/^\d+$/.test(segment) && Number(segment) < node.length)) {
        const parent = override.path.slice(0, index).join('.');
        throw new ConfigError(
          `${override.text}: \`${parent}\` is a list of ${node.length}; expected an index below that`,
        );
      }
      const holder = node as Record<string, unknown>;
      const last = index === override.path.length - 1;
      const present = Object.hasOwn(holder, segment) && holder[segment] !== null && holder[segment] !== false;
      if (last) put(holder, segment, override.value);
      else if (!present) put(holder, segment, {});
      node = holder[segment];
    }
  }
  return root;
}

/** Sets an own property even for names such as `__proto__`, so that the check sees and refuses them. */
function put(holder: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
}

/** The override that decides a path: the last one at it, above it or below it. */
export function overrideAt(path: readonly PropertyKey[], overrides: readonly Override[]): Override | null {
  const keys = path.map(String);
  const decides = (override: Override): boolean => {
    const shared = Math.min(keys.length, override.path.length);
    return (
      keys.length >= override.path.length && keys.slice(0, shared).every((key, i) => key === override.path[i])
    );
  };
  return overrides.findLast(decides) ?? null;
}
