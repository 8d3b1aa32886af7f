/** `swirl run`: runs the stages. */
import type { Command } from 'commander';
import type { Topology } from '../topology/topology.ts';
import { count } from './count.ts';
import { exitText, withExitCodes } from './exit.ts';
import { type ReaderFlags, withReader } from './reader-option.ts';
import { type TopologyFlags, topologyOf, withTopology } from './topology-option.ts';

interface RunFlags extends TopologyFlags, ReaderFlags {
  readonly stages?: string;
  readonly untilDrained?: boolean;
  readonly fromUpdate?: number;
  readonly json?: boolean;
  readonly watch?: boolean;
  readonly port?: number;
  readonly metrics?: number;
  readonly dryRun?: boolean;
  readonly questions?: string;
  readonly like?: string;
}

export function register(program: Command): void {
  const command = program
    .command('run')
    .summary('run the stages, until stopped or until all is consumed')
    .description('run the stages of a topology, until stopped or until everything is consumed')
    .argument('[topology]', 'the topology (default: "topology.yaml")')
    .option('--stages <names>', 'only these stages, separated by commas, as one worker of several')
    .option('--until-drained', 'end when every topic is consumed and nothing is in flight')
    .option('--watch', 'show the run in the browser while it goes on, as `swirl watch` does')
    .option('--port <n>', 'where the page listens, with --watch', count)
    .option('--metrics <port>', 'serve /metrics (Prometheus), /healthz and /readyz there; 0: any free', count)
    .option('--from-update <n>', 'train on from the checkpoint of this update, not from the newest', count)
    .option('--dry-run', 'say what it would ask, learn and cost: makes no request, and changes nothing')
    .option('--questions <file|n>', 'with --dry-run: the questions, or how many; otherwise those that wait')
    .option('--like <run>', 'with --dry-run: reckon by the records of this run, in place of its own')
    .option('--json', 'print the summary as one JSON object');
  withExitCodes(withTopology(withReader(command)), {
    failures: exitText('failures'),
    nothing: exitText('nothing'),
    alarm: exitText('alarm'),
    budget: exitText('budget'),
    interrupted: 'interrupted; without --until-drained, where nothing else ends it, 0',
  }).action(async (file: string | undefined, flags: RunFlags) => {
    if (flags.dryRun === true) {
      const { dryRun } = await import('./dry-run.ts');
      process.exitCode = await dryRun(file, flags);
      return;
    }
    const topology = await topologyOf(flags, { argument: file, how: 'swirl run FILE', run: true });
    const { runTopology } = await import('./run-topology.ts');
    process.exitCode = await runTopology(topology, {
      untilDrained: flags.untilDrained === true,
      fromUpdate: flags.fromUpdate,
      json: flags.json === true,
      metricsPort: flags.metrics,
      ...(flags.watch === true ? { watch: flags.port === undefined ? {} : { port: flags.port } } : {}),
      // A run of branches that was stopped says the same at its end.
      ...(topology.stages.branch?.of && {
        conclude: async (run) => (await import('./branch-end.ts')).branchEnd(run),
      }),
      ...(flags.stages === undefined ? {} : { stages: await stageNames(flags.stages, topology) }),
    });
  });
}

async function stageNames(list: string, topology: Topology): Promise<string[]> {
  const { flowStages } = await import('../topology/flow.ts');
  const { STAGES } = await import('../topology/stage-configs.ts');
  const { nearest } = await import('../suggest.ts');
  const { ConfigError } = await import('../errors.ts');
  const own = flowStages(topology).map(({ name }) => name);
  const known: readonly string[] = [...new Set([...STAGES, ...own])];
  return list.split(',').map((text) => {
    const name = text.trim();
    if (known.includes(name)) return name;
    const near = nearest(name, known);
    const hint = near === null ? `there are ${known.join(', ')}` : `did you mean ${near}?`;
    throw new ConfigError(`--stages ${list}: there is no stage ${JSON.stringify(name)}; ${hint}`);
  });
}
