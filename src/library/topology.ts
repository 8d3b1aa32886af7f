/** A topology for programs: from a file or from a plain value, with what is wrong with it as data. */
import { existsSync } from 'node:fs';
import type { z } from 'zod';
import { ConfigError } from '../errors.ts';
import { type Examined, examineFile, examineText, withParts } from '../topology/load.ts';
import { formatProblem, formatProblems, hasErrors } from '../topology/problem.ts';
import type { Topology, topologyConfig } from '../topology/topology.ts';
import { type Notify, warn } from './notes.ts';

/** A topology as it is written: what may stand in `topology.yaml`, every key optional. */
export type TopologySettings = z.input<typeof topologyConfig>;

/** A topology file's path, or the settings themselves. */
export type TopologySource = string | TopologySettings;

export interface TopologyOptions {
  /** `path=value` settings on top of the others, in order, such as `stages.filter.mode=none`. */
  readonly set?: readonly string[];
  /**
   * What the paths in settings given as a value, and in `set`, are relative to; the current folder by default. A
   * file's are relative to the file.
   */
  readonly folder?: string;
  /** Where API keys and the like are looked for; `process.env` by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface LoadTopologyOptions extends TopologyOptions {
  /** Hears each warning. By default these are Node warnings. */
  readonly notify?: Notify;
}

/** What a check found. */
export interface CheckedTopology {
  /** Every default filled in, paths absolute; null where the text or its shape is wrong. */
  readonly topology: Topology | null;
  /**
   * Errors first, each with its file, line and column. With an error among them the topology cannot be run.
   */
  readonly problems: Examined['problems'];
}

/**
 * Checks a topology and runs nothing but the modules that it names, which are imported: types, ranges,
 * unknown keys, combinations, files and environment variables that are not there. What is wrong is data; only
 * a file that cannot be read at all throws (`ConfigError`).
 *
 * @example
 * const { problems } = await checkTopology('topology.yaml');
 * for (const { severity, path, message, line } of problems) console.log(severity, path, message, line);
 */
export async function checkTopology(
  source: TopologySource,
  options: TopologyOptions = {},
): Promise<CheckedTopology> {
  const { set = [], folder = process.cwd(), env = process.env } = options;
  const given = { set, setFolder: folder, context: { env, exists: existsSync } };
  const examined =
    typeof source === 'string'
      ? examineFile(source, given)
      : examineText(JSON.stringify(source, null, 1), { ...given, file: NAME, folder });
  const { topology, problems } = await withParts(examined);
  return { topology, problems };
}

/**
 * The topology, ready for `openRun`. Throws a `ConfigError` that lists everything wrong with it; warnings go
 * to `notify` (by default they are Node warnings).
 *
 * @example
 * const topology = await loadTopology('topology.yaml', { set: ['run=second', 'stages.filter.mode=none'] });
 */
export async function loadTopology(
  source: TopologySource,
  options: LoadTopologyOptions = {},
): Promise<Topology> {
  const { notify = warn } = options;
  const { topology, problems } = await checkTopology(source, options);
  if (topology === null || hasErrors(problems)) {
    const name = typeof source === 'string' ? source : NAME;
    throw new ConfigError(`${name} cannot be run:\n${formatProblems(problems)}`);
  }
  for (const problem of problems) notify(formatProblem(problem));
  return topology;
}

/** What settings given as a value are called in messages. */
const NAME = 'topology';
