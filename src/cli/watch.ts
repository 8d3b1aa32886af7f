/** `swirl watch`: a page that shows a run, as it goes and afterwards. */
import type { Command } from 'commander';
import { count } from './count.ts';
import { withExitCodes } from './exit.ts';
import { type TopologyFlags, topologyOf, withTopology } from './topology-option.ts';

interface WatchFlags extends TopologyFlags {
  readonly host: string;
  readonly port?: number;
}

export function register(program: Command): void {
  const command = program
    .command('watch')
    .summary('show a run in the browser, as it goes and afterwards')
    .description(
      'serve a page that shows a run: its flow, its curves, every trajectory, its failures; ' +
        'the run may be under way in another process, or finished, and is not changed',
    )
    .argument('[topology]', 'the topology, or the folder of a run (default: "topology.yaml")')
    .option('--port <n>', 'where to listen; 0: any that is free (default: 6070, or any that is free)', count)
    .option('--host <address>', 'another than loopback is guarded by a token, which is printed', '127.0.0.1');
  withExitCodes(withTopology(command)).action(async (file: string | undefined, flags: WatchFlags) => {
    const topology = await topologyOf(flags, { argument: file, how: 'swirl watch FILE', begun: true });
    const { watchRun } = await import('./watch-run.ts');
    process.exitCode = await watchRun(topology, {
      host: flags.host,
      ...(flags.port === undefined ? {} : { port: flags.port }),
    });
  });
}
