/** `swirl run`: runs the stages. */
import type { Command } from 'commander';
import type { StageName } from '../topology/stage-configs.ts';
import { topologyOf } from './topology-option.ts';

interface RunFlags {
  readonly stages?: string;
  readonly untilDrained?: boolean;
  readonly set: readonly string[];
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('run')
    .description('run the stages of a topology, until stopped or until everything is consumed')
    .argument('[topology]', 'the topology file', 'topology.yaml')
    .option('--stages <names>', 'only these stages, separated by commas, as one worker of several')
    .option('--until-drained', 'end when every topic is consumed and nothing is in flight')
    .option('--set <path=value...>', 'change a setting, such as stages.filter.mode=none', [])
    .option('--json', 'print the summary as one JSON object')
    .action(async (file: string, flags: RunFlags) => {
      const topology = await topologyOf({ topology: file, set: flags.set });
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
