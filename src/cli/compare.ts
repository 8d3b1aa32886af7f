/** `swirl compare`: one recorded run under several judges, filters, rewards or learners, side by side. */
import type { Command } from 'commander';
import type { CompareOptions } from './compare-runs.ts';
import { count, positive } from './count.ts';
import { exitText, withExitCodes } from './exit.ts';
import { withReader } from './reader-option.ts';
import { repeated } from './repeated.ts';
import { withSet } from './topology-option.ts';

export function register(program: Command): void {
  const command = program
    .command('compare')
    .summary('a recorded run under other judges, filters, rewards or learners')
    .description(
      'run a recorded run again under several judges, filters, rewards or learners, and show them side by side, with ' +
        'paired intervals. Each variant is a replay of its own, RUN-NAME, from the topic before the first stage that decides ' +
        'otherwise: only what differs is computed. One that is there is gone on with',
    )
    .requiredOption('--run <name>', 'the recorded run, by its name or its folder; it is only read')
    .option(
      '--variant <name=setting>',
      'NAME=PATH=VALUE, such as strict=stages.filter.mode=process, or NAME=TOPOLOGY.yaml; may be given again, with the same name for further settings',
      repeated,
    )
    .option(
      '--variants <file>',
      'a YAML file of variants: each name with its settings by path; may be given again',
      repeated,
    )
    .option('--evaluate <file>', 'held-out questions, which the last checkpoint of each run answers')
    .option('--greedy', 'with --evaluate: always take the most likely token')
    .option('--rollouts <n>', 'with --evaluate: rollouts a question', positive, 1)
    .option('--task <name>', "with --evaluate: the questions' task, in place of the data set's")
    .option('--skip <n>', 'with --evaluate: leave out the first n questions', count, 0)
    .option('--limit <n>', 'with --evaluate: at most n questions', count)
    .option(
      '--compared <n>',
      'most steps of a run that are held in memory to be compared, about 100 bytes each',
      positive,
      5_000_000,
    )
    .option('--folder <path>', 'where the runs live', 'runs')
    .option('--json', 'print all of it as one JSON object');
  withExitCodes(withSet(withReader(command)), {
    failures: exitText('failures'),
    interrupted: exitText('interrupted'),
  }).action(async (flags: CompareOptions) => {
    const { compareRuns } = await import('./compare-runs.ts');
    process.exitCode = await compareRuns(flags);
  });
}
