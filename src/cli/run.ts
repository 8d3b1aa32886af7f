/** `swirl run`: runs the stages. */
import type { Command } from 'commander';
import type { StageName } from '../topology/stage-configs.ts';
import { exitText, withExitCodes } from './exit.ts';
import { type TopologyFlags, topologyOf, withArgument, withTopology } from './topology-option.ts';

interface RunFlags extends TopologyFlags {
  readonly stages?: string;
  readonly untilDrained?: boolean;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('run')
    .summary('run the stages, until stopped or until all is consumed')
    .description('run the stages of a topology, until stopped or until everything is consumed')
    .argument('[topology]', 'the topology (default: "topology.yaml")')
    .option('--stages <names>', 'only these stages, separated by commas, as one worker of several')
    .option('--until-drained', 'end when every topic is consumed and nothing is in flight')
    .option('--json', 'print the summary as one JSON object');
  withExitCodes(withTopology(command), {
    failures: exitText('failures'),
    interrupted: 'interrupted; without --until-drained, where nothing else ends it, 0',
  }).action(async (file: string | undefined, flags: RunFlags) => {
    const topology = await topologyOf(withArgument(file, flags), { how: 'swirl run FILE', run: true });
    const { runTopology } = await import('./run-topology.ts');
    process.exitCode = await runTopology(topology, {
      untilDrained: flags.untilDrained === true,
      json: flags.json === true,
      ...(flags.stages === undefined ? {} : { stages: await stageNames(flags.stages) }),
    });
  });
}

async function stageNames(list: string): Promise<StageName[]> {
  const { STAGES } = await import('../topology/stage-configs.ts');
  const { ConfigError } = await import('../errors.ts');
  return list.split(',').map((name) => {
    const found = STAGES.find((stage) => stage === name.trim());
    if (!found)
      throw new ConfigError(
        `--stages ${list}: there is no stage ${JSON.stringify(name)}; there are ${STAGES.join(', ')}`,
      );
    return found;
  });
}
