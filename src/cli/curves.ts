/** `swirl curves`: the updates of a run for TensorBoard, and as a table. */
import type { Command } from 'commander';
import { withExitCodes } from './exit.ts';
import { type TopologyFlags, topologyOf, withTopology } from './topology-option.ts';

interface CurvesFlags extends TopologyFlags {
  readonly output?: string;
}

export function register(program: Command): void {
  const command = program
    .command('curves')
    .summary('write the updates for TensorBoard, and as CSV')
    .description(
      'write the updates of a run as event files of TensorBoard, and as a table (updates.csv); a run that goes on keeps them itself with `updateFiles` in its topology',
    )
    .argument('[topology]', 'the topology, or the folder of a run (default: "topology.yaml")')
    .option('-o, --output <folder>', "where to (default: the run's folder)");
  withExitCodes(withTopology(command)).action(async (argument: string | undefined, flags: CurvesFlags) => {
    const [{ openWatchedRun, runTopologyAsKept }, { codecOf }, { updateFilesOf }] = await Promise.all([
      import('../watch/watched-run.ts'),
      import('../topology/codec-of.ts'),
      import('./update-files-of.ts'),
    ]);
    const topology = runTopologyAsKept(
      await topologyOf(flags, { argument, how: 'swirl curves FILE', begun: true }),
    );
    const notify = (message: string) => void process.stderr.write(`${message}\n`);
    const { transport, close } = await openWatchedRun(topology, notify);
    try {
      const codec = await codecOf(topology, 'read');
      const files = await updateFilesOf({ topology, transport, codec }, ['tensorboard', 'csv'], flags.output);
      for (const path of files.paths) process.stdout.write(`${path}\n`);
    } finally {
      await close();
    }
  });
}
