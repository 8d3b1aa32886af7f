/** `swirl branch`: rollouts that begin again at recorded contexts, in a new run. */
import type { Command } from 'commander';
import { ConfigError } from '../errors.ts';
import type { SubTrajectory } from '../topics/records.generated.ts';
import type { Topology } from '../topology/topology.ts';
import { counted, positive } from './count.ts';
import { exitText, withExitCodes } from './exit.ts';
import { type SetFlags, withSet } from './topology-option.ts';

interface BranchFlags extends SetFlags {
  readonly run: string;
  readonly where?: string;
  readonly first?: boolean;
  readonly rollouts: number;
  readonly most: number;
  readonly policy?: string;
  readonly as?: string;
  readonly folder: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('branch')
    .summary('begin again at recorded steps, in a new run')
    .description(
      'new rollouts from just before recorded steps, such as those judged BAD, in a new run, which goes on as the topology says; ' +
        'and what came of them beside what was recorded',
    )
    .argument('[ids...]', 'steps, such as q17/2/3, or trajectories or questions: all of their steps')
    .requiredOption(
      '--run <name>',
      'the run whose steps they are, by its name or its folder; it is only read',
    )
    .option(
      '--where <condition>',
      'steps whose record in `judged` meets it, such as \'verdict.label == "BAD"\'',
    )
    .option('--first', 'of each trajectory only the first of these steps')
    .option('--rollouts <n>', 'trajectories that begin again at each', positive, 4)
    .option('--most <n>', 'refuse more steps than these', positive, 1000)
    .option('--policy <folder>', "a checkpoint; by default the topology's policy")
    .option('--as <name>', 'the new run; by default the old name and a number')
    .option('--folder <path>', 'where the runs live', 'runs')
    .option('--json', 'print the summary as one JSON object');
  withExitCodes(withSet(command), {
    failures: exitText('failures'),
    nothing: exitText('nothing'),
    interrupted: exitText('interrupted'),
  }).action(async (ids: string[], flags: BranchFlags) => {
    process.exitCode = await branchRun(ids, flags);
  });
}

async function branchRun(names: readonly string[], flags: BranchFlags): Promise<number> {
  const { where = null, first = false, most, set = [] } = flags;
  if (names.length === 0 && where === null)
    throw new ConfigError(
      'name the steps to begin again at, such as q17/2/3, or give a condition with --where',
    );
  const [
    { branchTopology },
    { keptTopology },
    { openRecordedChain },
    { contextsOf },
    problems,
    { runPlace },
  ] = await Promise.all([
    import('../topology/branch.ts'),
    import('../topology/kept.ts'),
    import('../lineage/run-chain.ts'),
    import('../lineage/contexts.ts'),
    import('../topology/problem.ts'),
    import('../topology/run-place.ts'),
  ]);
  const { run, folder } = runPlace(flags.run, flags.folder);
  const say = (message: string) => void process.stderr.write(`${message}\n`);
  const { topology: written, warnings, begun } = await branchTopology({ ...flags, run, folder, set });
  if (warnings.length > 0) say(problems.formatProblems(warnings));
  const chain = await openRecordedChain({ folder, run }, { notify: say });
  let contexts: readonly SubTrajectory[];
  try {
    contexts = await contextsOf(chain, { names, where, first, most });
  } finally {
    await chain.close();
  }
  const topology = withCount(written, contexts.length);
  const left = begun === null ? contexts : await leftOf(contexts, { begun, say });
  say(
    `${counted(flags.rollouts, 'new rollout')} at each of ${counted(contexts.length, 'context')} of the run ${run}, as the run ${topology.run}`,
  );
  if (await isOtherTokenizer(keptTopology(folder, run), topology)) {
    say(
      'the policy has another tokenizer than the one that wrote the contexts: their texts are tokenized again',
    );
    await feed(topology, left.map(withoutTokens), say);
  } else await feed(topology, left, say);
  const [{ runTopology }, { branchEnd }] = await Promise.all([
    import('./run-topology.ts'),
    import('./branch-end.ts'),
  ]);
  return runTopology(topology, { untilDrained: true, json: flags.json === true, conclude: branchEnd });
}

/** How many contexts there are to be stands in the topology: a run that has fewer knows it. */
function withCount(topology: Topology, contexts: number): Topology {
  const { branch, ...stages } = topology.stages;
  return branch === undefined
    ? topology
    : { ...topology, stages: { ...stages, branch: { ...branch, contexts } } };
}

interface BegunBranch {
  readonly begun: Topology;
  readonly say: (message: string) => void;
}

/** The contexts that a `swirl branch` which was ended early has not fed; a `ConfigError` where they are others. */
async function leftOf(
  contexts: readonly SubTrajectory[],
  { begun, say }: BegunBranch,
): Promise<SubTrajectory[]> {
  const [{ openRecorded }, { readRecords }] = await Promise.all([
    import('../lineage/run-chain.ts'),
    import('../topics/read-records.ts'),
  ]);
  const { run, folder, stages } = begun;
  const fed = new Set<string>();
  const opened = await openRecorded({ folder, run }, { notify: say });
  try {
    const topic = stages.branch?.reads ?? '';
    if (opened.topics.some(({ name }) => name === topic))
      for await (const { id } of readRecords(opened, topic) as AsyncIterable<SubTrajectory>) fed.add(id);
  } finally {
    await opened.transport.close();
  }
  const left = contexts.filter(({ id }) => !fed.has(id));
  if (stages.branch?.contexts !== contexts.length || fed.size + left.length !== contexts.length)
    throw new ConfigError(
      `--as ${run}: that run is to begin at ${stages.branch?.contexts} contexts, and has ${fed.size}; these are ${contexts.length}, not the same ones: ask for those again, or take another name`,
    );
  say(
    left.length > 0
      ? `the run ${run} has ${fed.size} of its ${contexts.length} contexts: the others are fed`
      : `the run ${run} has its ${counted(contexts.length, 'context')}: it goes on`,
  );
  return left;
}

/** The contexts stand in the new run, which so stands for itself. */
async function feed(
  topology: Topology,
  contexts: readonly SubTrajectory[],
  say: (message: string) => void,
): Promise<void> {
  if (contexts.length === 0) return;
  const { openRun } = await import('../open-run.ts');
  const opened = await openRun(topology, say);
  try {
    await opened.feed(topology.stages.branch?.reads ?? '', contexts);
  } finally {
    await opened.close();
  }
}

async function isOtherTokenizer({ policy: was }: Topology, { policy: is }: Topology): Promise<boolean> {
  if (was.kind !== 'local' || is.kind !== 'local') return false;
  const { sameTokenizer } = await import('../tokenizer/same-tokenizer.ts');
  return sameTokenizer(was.checkpoint, is.checkpoint) === false;
}

/** Token ids mean nothing to another tokenizer. */
function withoutTokens(step: SubTrajectory): SubTrajectory {
  const context = step.context.map(({ action, observation }) => ({
    action: { ...action, tokens: null, logprobs: null, temperature: null },
    observation,
  }));
  return { ...step, context };
}
