/**
 * Which topology a command is about: `--topology FILE` or, of commands about a topology itself, an argument;
 * `--run NAME` and `--set PATH=VALUE` change it.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { ConfigError } from '../errors.ts';
import type { Topology } from '../topology/topology.ts';
import { shippedTopology } from './own-name.ts';
import { repeated } from './repeated.ts';

/** The topology of a command that names none. */
const DEFAULT_FILE = 'topology.yaml';

export interface SetFlags {
  /** In the order of the command line. */
  readonly set?: readonly string[];
}

export interface TopologyFlags extends SetFlags {
  readonly topology?: string;
  readonly run?: string;
}

/** Adds `--set`: one value each time, before or after the arguments, as often as one likes. */
export function withSet(command: Command): Command {
  return command.option(
    '--set <path=value>',
    'change a setting, such as seed=7; paths are relative to the current folder; may be given again',
    repeated,
  );
}

/** Adds the options that say which run a command is about. */
export function withTopology(command: Command): Command {
  return withSet(
    command
      .option('-t, --topology <file>', `the topology, or a run's folder (default: "${DEFAULT_FILE}")`)
      .option('--run <name>', 'the run, in place of the one that the topology names'),
  );
}

function namedTopology(argument: string | undefined, { topology }: TopologyFlags): string | undefined {
  if (argument === undefined || topology === undefined || argument === topology) return argument ?? topology;
  throw new ConfigError(`expected one topology, found two: ${argument}, and --topology ${topology}`);
}

/** The settings that the flags change, as `loadTopology` takes them. */
export function settingsOf({ set = [], run }: TopologyFlags): string[] {
  return run === undefined ? [...set] : [...set, `run=${run}`];
}

/**
 * The file that is named, by the argument or by the flags, or the default one. Where that is not there, the
 * error says how to name one.
 */
export async function topologyFile(
  argument: string | undefined,
  flags: TopologyFlags,
  how = '-t FILE',
): Promise<string> {
  const named = namedTopology(argument, flags);
  if (named !== undefined) return ofRun(named);
  if (existsSync(DEFAULT_FILE)) return DEFAULT_FILE;
  const near = readdirSync('.').filter((name) => /\.ya?ml$/.test(name));
  const here = near.length > 0 ? ` Here ${near.length > 1 ? 'are' : 'is'} ${some(near)}.` : '';
  throw new ConfigError(
    `no topology was named, and there is no ${DEFAULT_FILE} in this folder: name yours with \`${how}\`.${here}\n` +
      `To begin with a new one: cp ${shippedTopology()} my.yaml`,
  );
}

/** A run's folder means the topology that the run left there. */
async function ofRun(path: string): Promise<string> {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return path;
  const { RESOLVED_FILE } = await import('../topology/resolved.ts');
  const file = join(path, RESOLVED_FILE);
  if (existsSync(file)) return file;
  throw new ConfigError(
    `${path}: expected a topology's file, or the folder of a run (with its ${RESOLVED_FILE}); found another folder`,
  );
}

function some(names: readonly string[]): string {
  return `${names.slice(0, 5).join(', ')}${names.length > 5 ? ' and more' : ''}`;
}

export interface TopologyOfOptions {
  /** Of a command that takes the topology as an argument too. */
  readonly argument?: string | undefined;
  /** How the command names a topology, for the error where none is there. */
  readonly how?: string;
  /** Whether it is to be run. */
  readonly run?: boolean;
}

/** Loads it, and what is of the user's own in it where it is to be run; warnings go to stderr. */
export async function topologyOf(
  flags: TopologyFlags,
  { argument, how, run = false }: TopologyOfOptions = {},
): Promise<Topology> {
  const { loadTopology, openTopology } = await import('../topology/load.ts');
  const { formatProblems } = await import('../topology/problem.ts');
  const file = await topologyFile(argument, flags, how);
  const options = { set: settingsOf(flags) };
  const { topology, warnings } = run ? await openTopology(file, options) : loadTopology(file, options);
  if (warnings.length > 0) process.stderr.write(`${formatProblems(warnings)}\n`);
  return topology;
}
