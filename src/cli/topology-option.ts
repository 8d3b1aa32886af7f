/** The topology of commands that work on an existing or coming run: `--topology FILE`, `--run NAME`, `--set`. */
import type { Command } from 'commander';
import type { Topology } from '../topology/topology.ts';

export interface TopologyFlags {
  readonly topology: string;
  readonly run?: string;
  readonly set: readonly string[];
}

/** Adds the options that say which run a command is about. */
export function withTopology(command: Command): Command {
  return command
    .option('-t, --topology <file>', 'the topology file', 'topology.yaml')
    .option('--run <name>', 'the run, in place of the one that the topology names')
    .option('--set <path=value...>', 'change a setting, such as seed=7', []);
}

/** Loads it; warnings go to stderr. */
export async function topologyOf(flags: TopologyFlags): Promise<Topology> {
  const { loadTopology } = await import('../topology/load.ts');
  const { formatProblems } = await import('../topology/problem.ts');
  const set = flags.run === undefined ? flags.set : [...flags.set, `run=${flags.run}`];
  const { topology, warnings } = loadTopology(flags.topology, { set });
  if (warnings.length > 0) process.stderr.write(`${formatProblems(warnings)}\n`);
  return topology;
}
