/** `swirl diff`: what is different in two runs, from their settings to their weights. */
import { join } from 'node:path';
import type { Command } from 'commander';
import type { RunPlace } from '../topology/run-place.ts';
import { withExitCodes } from './exit.ts';

interface DiffFlags {
  readonly folder: string;
  readonly weights: boolean;
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
        const diff = await runDiff(left, right);
        const weights = flags.weights
          ? await weightsDiff(join(one.folder, one.run), join(other.folder, other.run))
          : null;
        const text = flags.json === true ? JSON.stringify({ ...diff, weights }) : diffText(diff, weights);
        process.stdout.write(`${text}\n`);
      } finally {
        await right.close();
      }
    } finally {
      await left.close();
    }
  });
}
