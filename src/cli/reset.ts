/** `swirl reset`: sets how far a stage is in its input. */
import type { Command } from 'commander';
import type { Topology } from '../topology/topology.ts';
import { count, counted } from './count.ts';
import { withExitCodes } from './exit.ts';
import { type TopologyFlags, topologyOf, withTopology } from './topology-option.ts';

interface ResetFlags extends TopologyFlags {
  readonly stage: string;
  readonly partition?: readonly number[];
  readonly to: string;
  readonly into?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('reset')
    .summary('set how far a stage is in its input, after records or progress went')
    .description(
      'set how far a stage is in its input, after records or progress went. What would write outputs a second time is refused, unless into a new run',
    )
    .requiredOption('--stage <name>', 'the stage')
    .option(
      '--partition <n>',
      'a partition of its input; may be given again (default: all)',
      (text: string, before: readonly number[] = []) => [...before, count(text)],
    )
    .requiredOption('--to <where>', 'earliest, latest, an offset, or a time such as 2026-11-29T21:00:00Z')
    .option('--into <run>', 'make a new run that does it again from there, and leave this one as it is')
    .option('--json', 'print what was done as one JSON object');
  withExitCodes(withTopology(command)).action(async (flags: ResetFlags) => {
    await reset(await topologyOf(flags, { run: true, begun: true }), flags);
  });
}

async function reset(topology: Topology, flags: ResetFlags): Promise<void> {
  const { resetTo } = await import('./reset-plan.ts');
  const stage = await stageNamed(topology, flags);
  const to = resetTo(flags.to);
  const asked = { topology, stage, to, partitions: flags.partition ?? [], into: flags.into };
  const { setStage } = await import('./reset-progress.ts');
  const { run, folder, moves } = await setStage(asked);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ run, stage: stage.name, topic: stage.reads, moves })}\n`);
    return;
  }
  for (const { partition, before, after } of moves) {
    const what = after > before ? `: ${counted(after - before, 'offset')} left out` : '';
    process.stdout.write(`${stage.name}, ${stage.reads} ${partition}: ${before} -> ${after}${what}\n`);
  }
  const { swirlCommand } = await import('./own-name.ts');
  process.stdout.write(`go on with: ${swirlCommand('run', folder, '--until-drained')}\n`);
}

async function stageNamed(topology: Topology, { stage: name, into }: ResetFlags) {
  const { flowStages } = await import('../topology/flow.ts');
  const { nearest } = await import('../suggest.ts');
  const { ConfigError } = await import('../errors.ts');
  const stages = flowStages(topology);
  const stage = stages.find((one) => one.name === name);
  if (stage === undefined) {
    const names = stages.map((one) => one.name);
    const near = nearest(name, names);
    throw new ConfigError(
      `--stage ${name}: the topology has no such stage; ${near === null ? `it has ${names.join(', ')}` : `did you mean ${near}?`}`,
    );
  }
  if (name === 'train' && into === undefined) {
    throw new ConfigError(
      '--stage train: it goes on from its checkpoint, whatever its progress is. To train again: swirl replay --from scored',
    );
  }
  const { source } = topology;
  return { ...stage, ...(source?.topic === stage.reads ? { readsRun: source.run } : {}) };
}
