/** `swirl evaluate`: accuracy, F1 and the share of good steps on held-out questions. */
import type { Command } from 'commander';
import { count, positive } from './count.ts';
import type { EvaluateFileOptions } from './evaluate-file.ts';
import { exitText, withExitCodes } from './exit.ts';
import { withReader } from './reader-option.ts';
import { repeated } from './repeated.ts';
import { type TopologyFlags, topologyOf, withTopology } from './topology-option.ts';

export function register(program: Command): void {
  const command = program
    .command('evaluate')
    .summary('measure a policy on held-out questions')
    .description(
      'roll out held-out questions, judge every step, and report accuracy, F1 and the share of good steps',
    )
    .argument('<file>', 'questions with gold answers')
    .option('--task <name>', "the questions' task, in place of the data set's")
    .option('--skip <n>', 'leave out the first n questions', count, 0)
    .option('--limit <n>', 'at most n questions', count)
    .option('--policy <folder>', "a checkpoint; by default the topology's policy")
    .option('--greedy', 'always take the most likely token')
    .option('--no-tools', 'the policy may only reason and answer')
    .option('--rollouts <n>', 'rollouts a question: mean, pass@k and majority', positive, 1)
    .option('--against <run>', 'compare with another evaluation, on the questions that are in both')
    .option('--by <key>', "tell results apart by this key of the questions' meta (repeatable)", repeated)
    .option(
      '--as <name>',
      'the run that keeps the records, or to go on with; by default <run>-evaluate-<number>',
    )
    .option('--json', 'print the result as one JSON object');
  withExitCodes(withTopology(withReader(command)), {
    failures: exitText('failures'),
    interrupted: exitText('interrupted'),
  }).action(async (file: string, flags: TopologyFlags & EvaluateFileOptions) => {
    const { evaluateFile } = await import('./evaluate-file.ts');
    process.exitCode = await evaluateFile(await topologyOf(flags, { run: true }), file, flags);
  });
}
