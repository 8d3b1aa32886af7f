/** Which settings are file paths. They are relative to the topology's file, whatever folder a command runs in. */
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SECURITY_FILES } from '../topics/kafka/security.ts';
import { REGISTRY_FILES } from '../topics/registry/registry-config.ts';
import { isObject } from './schema-walk.ts';
import type { Topology } from './topology.ts';

/** `swirl:assets/base-policy` is a path inside the installed package. */
export const PACKAGE_PREFIX = 'swirl:';

const packageRoot = fileURLToPath(new URL('../../', import.meta.url));

/** Keys whose texts are paths; `*` stands for any key. */
const PATHS: readonly string[] = [
  'folder',
  'policy.checkpoint',
  'learner.checkpoint',
  'judge.checkpoint',
  'reward.checkpoint',
  'tools.*.corpus',
  ...SECURITY_FILES.map((path) => `transport.security.${path}`),
  ...REGISTRY_FILES.map((path) => `transport.registry.${path}`),
];

/** The absolute path that a setting means. */
export function resolvePath(text: string, folder: string): string {
  if (text.startsWith(PACKAGE_PREFIX)) return resolve(packageRoot, text.slice(PACKAGE_PREFIX.length));
  return isAbsolute(text) ? text : resolve(folder, text);
}

/** The topology with every path absolute. */
export function resolvePaths(topology: Topology, folder: string): Topology {
  const copy = structuredClone(topology);
  for (const pattern of PATHS) visit(copy, pattern.split('.'), folder);
  return copy;
}

function visit(node: unknown, [head, ...rest]: readonly string[], folder: string): void {
  if (!isObject(node) || head === undefined) return;
  for (const key of head === '*' ? Object.keys(node) : [head]) {
    const value = node[key];
    if (rest.length > 0) visit(value, rest, folder);
    else if (typeof value === 'string') node[key] = resolvePath(value, folder);
  }
}
