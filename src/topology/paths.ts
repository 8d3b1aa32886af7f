/**
 * Which settings are file paths. What a topology says is relative to its file, whatever folder a command runs
 * in; what `--set` says is relative to the current folder, as all that is typed.
 */
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isModulePath, resolvePackage } from '../modules/resolve-module.ts';
import { SECURITY_FILES } from '../topics/kafka/security.ts';
import { REGISTRY_FILES } from '../topics/registry/registry-config.ts';
import { isModule, nodesAt, partsIn, SLOTS } from './slots.ts';
import type { Topology } from './topology.ts';

/** `swirl:assets/base-policy` is a path inside the installed package. */
const PACKAGE_PREFIX = 'swirl:';

const packageRoot = fileURLToPath(new URL('../../', import.meta.url));

/** Keys whose texts are paths; `*` stands for any key. */
const PATHS: ReadonlySet<string> = new Set([
  'folder',
  'cache.folder',
  'learner.checkpoint',
  ...SLOTS.flatMap(({ path, kinds }) => kinds.flatMap(({ files }) => files.map((file) => `${path}.${file}`))),
  'ownTopics.*.schema',
  ...SECURITY_FILES.map((path) => `transport.security.${path}`),
  ...REGISTRY_FILES.map((path) => `transport.registry.${path}`),
]);

/** Whether a path is written as shells understand it: Swirl does not, and a rule of `lint` says so. */
export function beginsAtHome(text: string): boolean {
  return text.startsWith('~');
}

/** The absolute path that a setting means. */
export function resolvePath(text: string, folder: string): string {
  if (beginsAtHome(text)) return text;
  if (text.startsWith(PACKAGE_PREFIX)) return resolve(packageRoot, text.slice(PACKAGE_PREFIX.length));
  return isAbsolute(text) ? text : resolve(folder, text);
}

/**
 * The topology with every path absolute. A package stays a name where there is no such package. `folderOf` says
 * what a setting's path is relative to.
 */
export function resolvePaths(topology: Topology, folderOf: (setting: readonly string[]) => string): Topology {
  const copy = structuredClone(topology);
  for (const pattern of PATHS) visit(copy, pattern, (text, setting) => resolvePath(text, folderOf(setting)));
  for (const { path, node } of partsIn(copy).filter(isModule)) {
    Object.assign(node, { path: resolveModule(node.path, folderOf([...path, 'path'])) });
  }
  return copy;
}

/** Every setting of a topology that is a path, and where it stands. */
export function pathsIn(topology: Topology): { readonly path: readonly string[]; readonly text: string }[] {
  const files = [...PATHS].flatMap((pattern) => {
    const keys = pattern.split('.');
    const last = keys.pop() ?? '';
    return nodesAt(topology, keys).map(({ path, node }) => ({ path: [...path, last], text: node[last] }));
  });
  const modules = partsIn(topology).filter(isModule);
  const own = modules.map(({ path, node }) => ({ path: [...path, 'path'], text: node.path }));
  return [...files, ...own].flatMap(({ path, text }) => (typeof text === 'string' ? [{ path, text }] : []));
}

/**
 * The file that a module's name means, seen from a folder; the name itself where there is no such package.
 */
export function resolveModule(name: string, folder: string): string {
  const isPath = isModulePath(name) || name.startsWith(PACKAGE_PREFIX);
  return isPath ? resolvePath(name, folder) : (resolvePackage(name, folder) ?? name);
}

/** Calls back with every text at a path, and puts in its place what it is given. */
function visit(
  root: unknown,
  pattern: string,
  change: (text: string, path: readonly string[]) => string,
): void {
  const keys = pattern.split('.');
  const last = keys.pop() ?? '';
  for (const { path, node } of nodesAt(root, keys)) {
    const value = node[last];
    if (typeof value === 'string') node[last] = change(value, [...path, last]);
  }
}
