/**
 * Which reader a data file is read with: one of the topology's, one of Swirl's, or one that the file's name
 * suggests.
 */
import { ConfigError } from '../errors.ts';
import { moduleReader } from '../modules/module-reader.ts';
import { nearest } from '../suggest.ts';
import { READERS } from './kinds.ts';
import type { Topology } from './topology.ts';

export type ReaderConfig = Topology['readers'][string];

/** Of Swirl's own, which take no settings. */
const BUILT_IN = READERS.map(({ name }) => name).filter((name) => name !== 'module' && name !== 'columns');

/**
 * The reader of this name under `readers`, or Swirl's. Throws `ConfigError` that lists them where there is
 * none.
 */
export function namedReader(name: string, { readers }: Pick<Topology, 'readers'>): ReaderConfig {
  if (Object.hasOwn(readers, name)) return readers[name];
  const builtIn = BUILT_IN.find((known) => known === name);
  if (builtIn !== undefined) return { kind: builtIn };
  const known = [...BUILT_IN, ...Object.keys(readers)];
  const near = nearest(name, known);
  const hint = near === null ? '' : `; did you mean ${near}?`;
  throw new ConfigError(`--dataset ${name}: expected one of ${known.join(', ')}${hint}`);
}

/** That of a file that nothing is said about: its records' keys say what it is. */
export const GUESSED: ReaderConfig = { kind: 'questions' };

/** A module that the command line names, `PATH` or `PATH#EXPORT`. */
export function readerOfModule(text: string, resolve: (path: string) => string): ReaderConfig {
  const [path = '', name = 'default'] = text.split('#');
  return { ...moduleReader.settings.parse({ path: resolve(path), export: name }), kind: 'module' };
}
