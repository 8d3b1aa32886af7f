/** `swirl retry`: feeds what is in `failures` again. */
import type { Command } from 'commander';
import { counted } from './count.ts';
import { EXIT, withExitCodes } from './exit.ts';
import type { Left } from './fed-again.ts';
import { swirlCommand } from './own-name.ts';
import { type TopologyFlags, topologyOf, withTopology } from './topology-option.ts';

interface RetryFlags extends TopologyFlags {
  readonly stage?: string;
  readonly cause?: string;
  readonly id?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('retry')
    .summary('feed failed records again')
    .description(
      'feed what is in `failures` again, each record into the topic that its stage reads; `swirl run` then does the work. ' +
        'Nothing that succeeded, and nothing that was fed again before, is fed twice',
    )
    .option('--stage <name>', 'only failures of this stage, such as rollout')
    .option('--cause <text>', 'only those whose error or message has this text, such as "status 400"')
    .option('--id <id>', 'only this record and what became of it, such as q17 or q17/2/0')
    .option('--dry-run', 'only say what would be fed')
    .option('--json', 'print what was done as one JSON object');
  withExitCodes(withTopology(command)).action(async (flags: RetryFlags) => {
    process.exitCode = await retry(flags);
  });
}

const REASONS: Readonly<Record<Left, string>> = {
  again: 'fed again before, or since',
  bytes: 'no records: their bytes could not be read',
  train: 'refused by train, which has used their ids: replay from `scored` with other settings',
  elsewhere: 'of the run that this one replays: replay it again',
  gone: 'not in their topics any more',
  accepted: 'accepted without that verdict: their trajectories are not judged again',
  underway: 'not decided on by the filter yet: run the flow to its end first',
  apart: 'behind a stage of your own between judge and filter',
};

async function retry(flags: RetryFlags): Promise<number> {
  const { openRun } = await import('../open-run.ts');
  const { retryFailures } = await import('./retry-failures.ts');
  const topology = await topologyOf(flags, { run: true, begun: true });
  const run = await openRun(topology, (message) => process.stderr.write(`${message}\n`));
  try {
    const { stage, cause, id, dryRun = false } = flags;
    const { fed, left } = await retryFailures(run, { stage, cause, id, dryRun });
    if (flags.json) {
      const counts = { fed: Object.fromEntries(fed), left: Object.fromEntries(left) };
      process.stdout.write(`${JSON.stringify({ run: topology.run, dryRun, ...counts })}\n`);
      return EXIT.done;
    }
    const what = [...fed].map(([topic, number]) => `${number} ${topic}`).join(', ') || 'nothing';
    process.stdout.write(`${dryRun ? 'would feed' : 'fed'} ${what} again into the run ${topology.run}\n`);
    for (const [why, number] of left)
      process.stdout.write(`left: ${counted(number, 'failure')} ${REASONS[why]}\n`);
    if (fed.size > 0 && !dryRun) {
      const { folderHere } = await import('./of-run.ts');
      process.stderr.write(`now run it: ${swirlCommand('run', folderHere(topology))}\n`);
    }
    return EXIT.done;
  } finally {
    await run.close();
  }
}
