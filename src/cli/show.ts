/** `swirl show`: trajectories whole, for people. */
import type { Command } from 'commander';
import { withExitCodes } from './exit.ts';
import { type TopologyFlags, topologyOf, withTopology } from './topology-option.ts';

interface ShowFlags extends TopologyFlags {
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('show')
    .summary('print a trajectory whole')
    .description(
      'print trajectories whole: the question, each action with its thinking, what the tool gave back, the verdict with its rationale, the reward, and the updates that learned from it',
    )
    .argument('<id>', 'of a question (all its trajectories), a trajectory or a step: q17, q17/2, q17/2/0')
    .option('--json', 'one JSON object per line and trajectory');
  withExitCodes(withTopology(command)).action(async (id: string, flags: ShowFlags) => {
    const [{ openChain }, { shownOf }, { failureLines, trajectoryText }, { interrupts }] = await Promise.all([
      import('../lineage/run-chain.ts'),
      import('./shown-trajectories.ts'),
      import('./show-text.ts'),
      import('./interrupt.ts'),
    ]);
    const notify = (message: string) => void process.stderr.write(`${message}\n`);
    const chain = await openChain(await topologyOf(flags, { begun: true }), { notify });
    const { stop: signal, release } = interrupts(() => {});
    try {
      const { views, failures } = await shownOf(chain, id, { signal });
      if (flags.json === true) {
        for (const view of views) process.stdout.write(`${JSON.stringify(view)}\n`);
      } else process.stdout.write(`${views.map((view) => trajectoryText(view)).join('\n\n')}\n`);
      for (const line of failureLines(failures)) process.stderr.write(`${line}\n`);
      const { closeAndIndex } = await import('./index-keys.ts');
      await closeAndIndex(chain, signal);
    } finally {
      release();
      await chain.close();
    }
  });
}
