/** Which reader a command reads a data file with: `--dataset NAME` or `--reader MODULE`. */
import type { Command } from 'commander';
import { ConfigError } from '../errors.ts';
import type { Reader } from '../questions/reader.ts';
import type { Topology } from '../topology/topology.ts';

export interface ReaderFlags {
  readonly dataset?: string;
  readonly reader?: string;
}

export function withReader(command: Command): Command {
  return command
    .option(
      '--dataset <name>',
      "gsm8k-solutions (worked solutions, as trajectories), gsm8k, hotpotqa, musique, ... or one of the topology's `readers`; otherwise what the file's keys say",
    )
    .option('--reader <module>', 'a module of your own that reads the file: PATH or PATH#EXPORT');
}

/**
 * Opens it; the caller closes it. Throws `ConfigError` where there is no such reader, or its module is not
 * fit to be one.
 */
export async function readerOf({ dataset, reader }: ReaderFlags, topology: Topology): Promise<Reader> {
  const { GUESSED, namedReader, readerOfModule } = await import('../topology/named-reader.ts');
  const { openReader } = await import('../open-parts.ts');
  const { resolveModule } = await import('../topology/paths.ts');
  if (dataset !== undefined && reader !== undefined) {
    throw new ConfigError('expected one of --dataset and --reader, found both');
  }
  const notify = (message: string) => void process.stderr.write(`${message}\n`);
  if (reader !== undefined) {
    const config = readerOfModule(reader, (path) => resolveModule(path, process.cwd()));
    return openReader(config, { name: '--reader', topology, notify });
  }
  const config = dataset === undefined ? GUESSED : namedReader(dataset, topology);
  return openReader(config, { name: `readers.${dataset ?? config.kind}`, topology, notify });
}
