/** `swirl replay`: a new run from a recorded topic of an old one, with any setting changed. */
import type { Command } from 'commander';

interface ReplayFlags {
  readonly run: string;
  readonly from: string;
  readonly as?: string;
  readonly folder: string;
  readonly set: readonly string[];
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('replay')
    .description('run the stages behind a recorded topic again, in a new run, with any setting changed')
    .requiredOption('--run <name>', 'the old run; it is only read')
    .requiredOption('--from <topic>', 'the recorded topic to start from, such as scored')
    .option('--as <name>', 'the new run; by default the old name and a number')
    .option('--folder <path>', 'where the runs live', 'runs')
    .option('--set <path=value...>', 'change a setting, such as stages.filter.mode=none', [])
    .option('--json', 'print the summary as one JSON object')
    .action(async (flags: ReplayFlags) => {
      const { replayTopology } = await import('../topology/replay.ts');
      const { runTopology } = await import('./run-topology.ts');
      const { as } = flags;
      const topology = replayTopology({ ...flags, ...(as === undefined ? {} : { as }) });
      process.stderr.write(`replaying ${flags.from} of the run ${flags.run} as the run ${topology.run}\n`);
      process.exitCode = await runTopology(topology, { untilDrained: true, json: flags.json === true });
    });
}
