/** `swirl demo`: the laboratory, from question to gradient, before and after. */
import type { Command } from 'commander';
import { count, positive } from './count.ts';
import type { DemoOptions } from './demo-run.ts';
import { exitText, withExitCodes } from './exit.ts';

export function register(program: Command): void {
  const command = program
    .command('demo')
    .summary('watch a small policy learn, in a minute or two')
    .description(
      'a small policy learns to search and to calculate: the whole flow in a few minutes, measured before and after',
    )
    .option('--json', 'the last line is one JSON object')
    .option('--questions <n>', 'questions of each task to learn from', positive, 100)
    .option('--held-out <n>', 'questions of each task to evaluate on', positive, 200)
    .option('--seed <n>', 'decides the world, the questions and every sample', count, 7)
    .option('--folder <folder>', 'where runs live', 'runs')
    .option('--policy <folder>', 'begin with this policy in place of the one that ships with Swirl');
  withExitCodes(command, {
    failures: exitText('failures'),
    interrupted: exitText('interrupted'),
  }).action(async (options: DemoOptions) => {
    const { demo } = await import('./demo-run.ts');
    process.exitCode = await demo(options);
  });
}
