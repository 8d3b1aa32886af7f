/** `swirl report`: a run as one HTML file. */
import type { Command } from 'commander';
import { positive } from './count.ts';
import { withExitCodes } from './exit.ts';
import { type TopologyFlags, topologyOf, withTopology } from './topology-option.ts';

interface ReportFlags extends TopologyFlags {
  readonly output?: string;
  readonly trajectories: number;
}

export function register(program: Command): void {
  const command = program
    .command('report')
    .summary('write a run as one HTML file')
    .description(
      'write one HTML file with the views of `swirl watch` and a sample of the trajectories: to be sent, ' +
        'and opened without Swirl, a server or a network',
    )
    .argument('[topology]', 'the topology, or the folder of a run (default: "topology.yaml")')
    .option('-o, --output <file>', "the file (default: report.html in the run's folder)")
    .option('--trajectories <n>', 'how many it holds, spread evenly over the run', positive, 100);
  withExitCodes(withTopology(command)).action(async (argument: string | undefined, flags: ReportFlags) => {
    const topology = await topologyOf(flags, { argument, how: 'swirl report FILE', begun: true });
    const { writeReport } = await import('./write-report.ts');
    const { said, isPiped } = await writeReport(topology, flags);
    (isPiped ? process.stderr : process.stdout).write(`${said}\n`);
  });
}
