/** `swirl replay`: a new run from a recorded topic of an old one, with any setting changed. */
import type { Command } from 'commander';
import { exitText, withExitCodes } from './exit.ts';
import { type SetFlags, withSet } from './topology-option.ts';

interface ReplayFlags extends SetFlags {
  readonly run: string;
  readonly from: string;
  readonly as?: string;
  readonly folder: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('replay')
    .summary('run stages again on what was recorded')
    .description(
      'run the stages downstream of a recorded topic again, in a new run, with any setting changed',
    )
    .requiredOption('--run <name>', 'the old run; it is only read')
    .requiredOption('--from <topic>', 'the recorded topic to start from, such as scored')
    .option('--as <name>', 'the new run; by default the old name and a number')
    .option('--folder <path>', 'where the runs live', 'runs')
    .option('--json', 'print the summary as one JSON object');
  withExitCodes(withSet(command), {
    failures: exitText('failures'),
    nothing: exitText('nothing'),
    interrupted: exitText('interrupted'),
  }).action(async (flags: ReplayFlags) => {
    const { replayTopology } = await import('../topology/replay.ts');
    const { runTopology } = await import('./run-topology.ts');
    const { as, set = [] } = flags;
    const { formatProblems } = await import('../topology/problem.ts');
    const options = { ...flags, set, ...(as === undefined ? {} : { as }) };
    const { topology, warnings } = await replayTopology(options);
    if (warnings.length > 0) process.stderr.write(`${formatProblems(warnings)}\n`);
    process.stderr.write(`replaying ${flags.from} of the run ${flags.run} as the run ${topology.run}\n`);
    process.exitCode = await runTopology(topology, { untilDrained: true, json: flags.json === true });
  });
}
