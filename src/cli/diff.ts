/** `swirl diff`: what is different in two runs, from their settings to their weights. */
import { join } from 'node:path';
import type { Command } from 'commander';
import type { RunPlace } from '../topology/run-place.ts';
import { count, positive } from './count.ts';
import { withExitCodes } from './exit.ts';

interface DiffFlags {
  readonly folder: string;
  readonly weights: boolean;
  readonly rows: number;
  readonly listed: number;
  readonly compared: number;
  readonly singular: number;
  readonly largest: number;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('diff')
    .summary('what is different in two runs')
    .description(
      'what is different in two runs: settings, the first record of each topic, verdicts that changed, measures, and the weights of their last checkpoints',
    )
    .argument('<a>', 'a run, by its name or its folder')
    .argument('<b>', 'another, such as a replay of it')
    .option('--folder <path>', 'where the runs live', 'runs')
    .option('--no-weights', 'leave out the weights: large tensors take minutes')
    .option('--rows <n>', 'most rows of a table of settings, verdicts or tensors', count, 20)
    .option('--listed <n>', 'most changed verdicts that are listed by name; all are counted', count, 1000)
    .option(
      '--compared <n>',
      'most steps whose verdicts are held in memory and compared, about 100 bytes each',
      positive,
      5_000_000,
    )
    .option('--singular <n>', 'singular values of the change of each matrix, the largest', count, 4)
    .option(
      '--largest <n>',
      'numbers of the largest matrix whose singular values are computed: more take minutes',
      count,
      1_048_576,
    )
    .option('--json', 'print all of it as one JSON object');
  withExitCodes(command).action(async (a: string, b: string, flags: DiffFlags) => {
    const [{ openRecordedChain }, { runDiff }, { weightsDiff }, { diffText }, { runPlace }] =
      await Promise.all([
        import('../lineage/run-chain.ts'),
        import('../lineage/run-diff.ts'),
        import('../lineage/weights-diff.ts'),
        import('./diff-text.ts'),
        import('../topology/run-place.ts'),
      ]);
    const [one, other] = [a, b].map((name) => runPlace(name, flags.folder)) as [RunPlace, RunPlace];
    const told = new Set<string>();
    // Both may read one run.
    const notify = (message: string) => {
      if (!told.has(message)) process.stderr.write(`${message}\n`);
      told.add(message);
    };
    const left = await openRecordedChain(one, { notify });
    try {
      const right = await openRecordedChain(other, { notify });
      try {
        const diff = await runDiff(left, right, flags);
        const weights = flags.weights
          ? await weightsDiff(join(one.folder, one.run), join(other.folder, other.run), flags)
          : null;
        const text =
          flags.json === true ? JSON.stringify({ ...diff, weights }) : diffText(diff, weights, flags.rows);
        process.stdout.write(`${text}\n`);
      } finally {
        await right.close();
      }
    } finally {
      await left.close();
    }
  });
}
