/** `swirl lab`: the laboratory's own commands. */
import type { Command } from 'commander';
import { count, positive } from './count.ts';
import { withExitCodes } from './exit.ts';

interface BaseFlags {
  readonly folder: string;
  readonly to: string;
  readonly seed?: number;
  readonly updates?: number;
  readonly device: string;
}

export function register(program: Command): void {
  const lab = program
    .command('lab')
    .summary('make the base policy of the demo again')
    .description('the small fictional world that the demo and the tests learn in');
  const base = lab
    .command('base')
    .description(
      'make the base policy: supervised training on demonstrations from a seed; can be stopped and gone on with',
    )
    .option('--folder <folder>', 'where the checkpoint is kept', 'runs/lab-base')
    .option('--to <folder>', 'where the finished policy goes', 'assets/base-policy')
    .option('--seed <n>', 'decides everything', count)
    .option('--updates <n>', 'optimizer steps', positive)
    .option('--device <name>', 'auto, webgpu or reference (float64)', 'auto');
  withExitCodes(base).action(async (flags: BaseFlags) => {
    const { labBase } = await import('./lab-base.ts');
    await labBase(flags);
  });
}
