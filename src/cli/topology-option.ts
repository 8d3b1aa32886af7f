/**
 * Which topology a command is about: `--topology FILE` or, of commands about a topology itself, an argument;
 * `--run NAME` and `--set PATH=VALUE` change it.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, normalize, resolve } from 'node:path';
import type { Command } from 'commander';
import { ConfigError } from '../errors.ts';
import { RESOLVED_FILE, RUN_FOLDERS } from '../topology/run-files.ts';
import type { Topology } from '../topology/topology.ts';
import { pathHere, shippedTopology, swirlCommand } from './own-name.ts';
import { repeated } from './repeated.ts';

/** The topology of a command that names none. */
const DEFAULT_FILE = 'topology.yaml';
/** Where runs live unless the topology says otherwise. */
const DEFAULT_RUNS = 'runs';

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
      .option(
        '-t, --topology <file>',
        `the topology, or a run by its folder or its name (default: "${DEFAULT_FILE}")`,
      )
      .option(
        '--run <name>',
        'the run, by its name or its folder, in place of the one that the topology names',
      ),
  );
}

function namedTopology(argument: string | undefined, { topology }: TopologyFlags): string | undefined {
  if (argument === undefined || topology === undefined || argument === topology) return argument ?? topology;
  throw new ConfigError(`expected one topology, found two: ${argument}, and --topology ${topology}`);
}

/**
 * The settings that the flags change in a topology's file, as `loadTopology` takes them. A run whose folder was
 * moved or copied is where that file lies, wherever it was begun.
 */
export function settingsOf(file: string, { set = [], run }: TopologyFlags): string[] {
  const folder = dirname(resolve(file));
  const kept = { folder: dirname(folder), run: basename(folder) };
  const here = basename(file) === RESOLVED_FILE && isRun(folder) ? quoted(kept) : [];
  if (run === undefined) return [...here, ...set];
  // In quotes, as a name such as 7 or null would be read as something else.
  const named = isPath(run) ? { folder: dirname(normalize(run)), run: basename(run) } : { run };
  return [...here, ...set, ...quoted(named)];
}

/** Whether it is a run's folder, and not one that a run's settings were taken to, as those of a new topology. */
function isRun(folder: string): boolean {
  return RUN_FOLDERS.some((name) => existsSync(join(folder, name)));
}

function quoted(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
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
  if (flags.run !== undefined && isPath(flags.run)) return ofRun(flags.run);
  if (existsSync(DEFAULT_FILE)) return DEFAULT_FILE;
  if (flags.run !== undefined && existsSync(DEFAULT_RUNS)) return ofRun(flags.run);
  const near = readdirSync('.').filter((name) => /\.ya?ml$/.test(name));
  const here = near.length > 0 ? ` Here ${near.length > 1 ? 'are' : 'is'} ${some(near)}.` : '';
  throw new ConfigError(
    `no topology was named, and there is no ${DEFAULT_FILE} in this folder: name yours with \`${how}\`.${here}\n` +
      `To begin with a new one: cp ${shippedTopology()} my.yaml`,
  );
}

/** A run, by its folder or by its name, means the topology that it left there. */
async function ofRun(named: string): Promise<string> {
  const found = statSync(named, { throwIfNoEntry: false });
  const isFolder = found?.isDirectory() === true;
  // What looks like a file is looked for as one, and the error is about that.
  if (!isFolder && (found !== undefined || /\.[a-z]+$/i.test(named) || !existsSync(DEFAULT_RUNS)))
    return named;
  const [{ recordedFile, runPlace }, { runsIn }] = await Promise.all([
    import('../topology/run-place.ts'),
    import('../topology/kept.ts'),
  ]);
  if (isFolder && !existsSync(join(named, RESOLVED_FILE))) {
    const [first] = runsIn(named);
    throw new ConfigError(
      `${named}: expected a topology's file, or the folder of a run (with its ${RESOLVED_FILE}); found another folder` +
        (first === undefined ? '' : `, with runs in it: name one, such as ${pathHere(join(named, first))}`),
    );
  }
  const { folder, run } = runPlace(named, DEFAULT_RUNS);
  return recordedFile(folder, run);
}

/** A run that is named by its folder, not by its name. */
function isPath(run: string): boolean {
  return /[/\\]/.test(run);
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
  /** Whether there must be something of the run already: a `ConfigError` says how to begin it. */
  readonly begun?: boolean;
}

/** Loads it, and what is of the user's own in it where it is to be run; warnings go to stderr. */
export async function topologyOf(
  flags: TopologyFlags,
  { argument, how, run = false, begun = false }: TopologyOfOptions = {},
): Promise<Topology> {
  const { loadTopology, openTopology } = await import('../topology/load.ts');
  const { formatProblems } = await import('../topology/problem.ts');
  const file = await topologyFile(argument, flags, how);
  const options = { set: settingsOf(file, flags) };
  const { topology, warnings } = run ? await openTopology(file, options) : loadTopology(file, options);
  if (warnings.length > 0) process.stderr.write(`${formatProblems(warnings)}\n`);
  if (begun && topology.transport.kind === 'embedded') requireBegun(topology, { ...flags, topology: file });
  return topology;
}

/** Of a run whose topics lie in its folder. */
function requireBegun({ folder, run }: Topology, flags: TopologyFlags): void {
  if (existsSync(join(folder, run, 'log'))) return;
  const others = existsSync(folder)
    ? readdirSync(folder).filter((name) => existsSync(join(folder, name, 'log')))
    : [];
  const named = [
    ...(flags.topology === undefined ? [] : ['-t', flags.topology]),
    ...(flags.run === undefined ? [] : ['--run', flags.run]),
  ];
  throw new ConfigError(
    `the run ${run} has not begun: there is nothing in ${pathHere(join(folder, run))}. To feed it: ${swirlCommand('feed', 'FILE', ...named)}` +
      (others.length === 0 ? '' : `\nRuns that are there: ${some(others)}; \`--run NAME\` names one.`),
  );
}
