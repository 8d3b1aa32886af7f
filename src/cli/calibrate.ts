/** `swirl calibrate`: how far a judge can be trusted, on steps that people labelled. */
import type { Command } from 'commander';
import { positive } from './count.ts';
import { withExitCodes } from './exit.ts';
import { type TopologyFlags, topologyOf, withTopology } from './topology-option.ts';

interface CalibrateFlags extends TopologyFlags {
  readonly against?: string;
  readonly concurrency: number;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('calibrate')
    .summary('measure a judge on labelled steps')
    .description(
      "run the topology's judge on labelled steps: BAD called GOOD, GOOD called BAD, agreement (Cohen's kappa), per kind of step",
    )
    .argument(
      '<file...>',
      'JSON lines: steps as `swirl tap judged --json` prints them, with `label` GOOD or BAD',
    )
    .option('--against <topology>', "also run another topology's judge, and tell how far the two agree")
    .option('--concurrency <n>', 'steps judged at once', positive, 8)
    .option('--json', 'print the result as one JSON object');
  withExitCodes(withTopology(command), {
    failures: 'done, but for some steps there was no verdict',
  }).action(async (files: string[], flags: CalibrateFlags) => {
    const topology = await topologyOf(flags, { run: false });
    const second =
      flags.against === undefined ? null : await topologyOf({ topology: flags.against }, { run: false });
    const { calibrateFiles } = await import('./calibrate-files.ts');
    process.exitCode = await calibrateFiles(files, { ...flags, topology, second });
  });
}
