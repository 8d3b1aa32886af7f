/**
 * The flow, from question to gradient:
 *
 *   questions ─> start ─> turns ─> rollout ─> trajectories ─> decompose ─> sub-trajectories
 *                           ^         │
 *                           │         └─> tool-calls ─> tools ─┐
 *                           └──────────────────────────────────┘
 *
 *   sub-trajectories ─> judge ─> judged ─> filter ─> accepted ─> reward ─> scored ─> train ─> updates
 *
 * Two more are there where a topology has them: contexts ─> branch ─> turns, as `start`, and between `accepted` and
 * `reward` accepted ─> resample ─> resampled ─> reward.
 *
 * A topology may put stages of its own in the place of these, or beside them.
 *
 * This is the one place that puts the stages together; what they are made of comes from `open-parts.ts`.
 */

import type { Task } from './agent/model.ts';
import { sleep as wait } from './clock.ts';
import { decompose } from './decompose/decompose.ts';
import { ConfigError } from './errors.ts';
import { filter } from './judge/filter.ts';
import { judge } from './judge/judge.ts';
import type { RecordedVerdicts } from './judge/recorded-verdicts.ts';
import type { LocalModelConfig } from './models/local-model-config.ts';
import type { Parts } from './open-parts.ts';
import type { HistoryOptions } from './own-stages/history.ts';
import { type OwnStageDeps, ownStage } from './own-stages/own-stage.ts';
import { resample } from './resample/resample.ts';
import { Room } from './resample/room.ts';
import { reward } from './reward/reward.ts';
import { branch, isBranch } from './rollout/branch.ts';
import { rollout } from './rollout/rollout.ts';
import { start } from './rollout/start.ts';
import type { RunObserver } from './runtime/observer.ts';
import { redirected } from './runtime/redirect.ts';
import type { Pause } from './runtime/retry.ts';
import type { Stage, StageOperator } from './runtime/stage.ts';
import { tools } from './tools/tools.ts';
import type { Action, TopicRecords, Turn } from './topics/records.generated.ts';
import { aheadOf } from './topology/ahead.ts';
import { type FlowStage, flowStages, heldBy, stagesBefore } from './topology/flow.ts';
import { topicSchemas } from './topology/own-topics.ts';
import { settleTasks } from './topology/settle-tasks.ts';
import type { OwnStageConfig, STAGE_RECORDS, StageName } from './topology/stage-configs.ts';
import type { Topology } from './topology/topology.ts';
import type { DurableTrainingDeps } from './train/durable-training.ts';
import type { TrainTopics, TrainTopicsOptions } from './train/train-topics.ts';

/** What a stage is made of; the topology says the rest. */
type Made<N extends StageName> = Pick<Stage, 'holds' | 'outlasts' | 'startAt' | 'isOwn' | 'room'> & {
  readonly operator: (partition: number) => StageOperator<TopicRecords[(typeof STAGE_RECORDS)[N]['reads']]>;
};

/** The input of a stage. */
type HistoryOf = Pick<HistoryOptions, 'topic' | 'run' | 'lookback'>;

export interface PipelineDeps {
  readonly parts: Parts;
  /** The folder of the run's checkpoints. */
  readonly checkpoints: string;
  /** What of this run `train` must know besides its topics. */
  readonly training?: Pick<DurableTrainingDeps, 'identity' | 'fromUpdate' | 'notify'>;
  /** Hears of tries that failed, and of training as it goes on. */
  readonly observer?: RunObserver | undefined;
  /** Gives up waiting for what is being opened. */
  readonly signal?: AbortSignal;
  /** What training asks of its topics. */
  readonly trainTopics: (of: Pick<TrainTopicsOptions, 'stage' | 'topic' | 'run'>) => TrainTopics;
  /** Verdicts of another run, for a replay that keeps some. */
  readonly recordedVerdicts?: (
    of: NonNullable<NonNullable<Topology['source']>['verdicts']>,
  ) => Promise<RecordedVerdicts>;
  /** How many records these stages have not committed, at most so many. */
  readonly waiting?: (readers: readonly FlowStage[], most: number) => Promise<number>;
  readonly notify?: (message: string) => void;
  /** What a topic held before an offset: from it stages of one's own build their state. */
  readonly history: (of: HistoryOf) => OwnStageDeps['history'];
}

/** The stages that show policies the instructions of tasks. */
const TOLD: readonly StageName[] = ['rollout', 'resample', 'train'];

/** The stages of a topology that this process runs: all, or those that are named. */
export async function pipeline(
  written: Topology,
  deps: PipelineDeps,
  only?: readonly string[],
): Promise<Stage[]> {
  const { parts, signal = new AbortController().signal } = deps;
  const isTold = TOLD.some((name) => written.stages[name] && (only?.includes(name) ?? true));
  const topology = isTold ? await settleTasks(written, { toldOf: parts.toldOf, signal }) : written;
  const { stages, ownStages, source } = topology;
  const tasks = tasksOf(topology);
  const flow = new Map<string, Stage>();
  const isHere = (name: string) => !only || only.includes(name);
  const readsRun = (topic: string) => (source?.topic === topic ? { readsRun: source.run } : {});

  /** How a stage waits before it tries again: so that it is heard why. */
  const pauseOf =
    (stage: string): Pause =>
    (waitMs, signal, tried) => {
      if (tried) deps.observer?.onRetry?.({ stage, waitMs, ...tried });
      return wait(waitMs, signal);
    };

  /** Adds a stage, if the topology has it and this process is to run it. */
  async function add<N extends StageName>(
    name: N,
    make: (config: NonNullable<Topology['stages'][N]>) => Made<N> | Promise<Made<N>>,
  ): Promise<void> {
    const config = stages[name];
    if (!config || !isHere(name)) return;
    const { reads, writes, window } = config;
    const made = await make(config);
    const into = heldBy(topology, writes);
    const operator = (partition: number) => redirected(made.operator(partition), into);
    flow.set(name, { name, reads, writes, window, ...readsRun(reads), ...made, operator });
  }

  /** Adds a stage of one's own. */
  async function addOwn(name: string, config: OwnStageConfig): Promise<void> {
    const { reads, writes, window, lookback } = config;
    const made = await ownStage(config, {
      ...{ name, sleep: pauseOf(name), notify: parts.notify, keep: parts.keep },
      part: await parts.stage(name, config),
      topics: topicSchemas(topology),
      history: deps.history({ topic: reads, run: readsRun(reads).readsRun, lookback }),
    });
    flow.set(name, { name, reads, writes, window, ...readsRun(reads), ...made });
  }

  await add('start', (config) => ({
    operator: () => start(config, { tasks, retry: config.retry, sleep: pauseOf('start') }),
    isOwn: (turn) => lastAction(turn) === undefined && !isBranch(turn as Turn),
  }));

  await add('branch', (config) => ({
    operator: () => branch(config, { tasks, retry: config.retry, sleep: pauseOf('branch') }),
    isOwn: (turn) => isBranch(turn as Turn),
  }));

  await add('rollout', async ({ retry }) => {
    const [policy, tools] = [await parts.policy(), await parts.tools()];
    return { operator: () => rollout({ policy, tasks, tools, retry, sleep: pauseOf('rollout') }) };
  });

  await add('tools', async (config) => {
    const all = await parts.tools();
    for (const tool of all) await tool.open?.(signal);
    const { waits } = parts;
    const operator = tools(config, { tools: all, retry: config.retry, sleep: pauseOf('tools'), waits });
    return {
      operator: () => operator,
      isOwn: (turn) => lastAction(turn)?.kind === 'TOOL_CALL' && !isBranch(turn as Turn),
    };
  });

  await add('decompose', ({ retry }) => ({
    operator: () => decompose({ retry, sleep: pauseOf('decompose') }),
  }));

  await add('judge', async ({ retry }) => {
    const model = await parts.judge();
    const recorded = source?.verdicts && (await deps.recordedVerdicts?.(source.verdicts));
    return { operator: () => judge({ judge: model, recorded, retry, sleep: pauseOf('judge') }) };
  });

  await add('filter', async (config) => {
    const matcher = await parts.matcher();
    const { window, retry } = config;
    return {
      operator: () => filter(config, { matcher, window, retry, sleep: pauseOf('filter') }),
      holds: true,
    };
  });

  await add('resample', async (config) => {
    const [policy, tools] = [await parts.policy('resample'), await parts.tools()];
    const { retry } = config;
    return {
      operator: () => resample(config, { policy, tasks, tools, retry, sleep: pauseOf('resample') }),
      room: roomOf(topology, deps),
    };
  });

  await add('reward', async ({ retry }) => {
    const model = await parts.rewardModel();
    return { operator: () => reward({ model, retry, sleep: pauseOf('reward') }) };
  });

  await add('train', (config) => train(config, topology, deps));

  for (const [name, config] of Object.entries(ownStages)) if (isHere(name)) await addOwn(name, config);

  return flowStages(topology).flatMap(({ name }) => flow.get(name) ?? []);
}

/**
 * The stages that lead to `turns`, which run one at a time in the order of their priority, so that two runs
 * with one seed write the same topics; none where records are merged as they arrive. Of Swirl's: tools,
 * rollout, start.
 */
export function scheduledStages(topology: Topology): readonly string[] {
  if (topology.stages.rollout?.merge !== 'deterministic') return [];
  const stages = stagesBefore(topology, 'turns').map(({ name }) => name);
  return stages.reverse();
}

/** What a turn goes on from: it tells which of the stages that write `turns` made it. */
function lastAction(turn: object): Action | undefined {
  return (turn as Partial<TopicRecords['turns']>).steps?.at(-1)?.action;
}

/** What keeps `resample` from running far ahead of the training that it follows. */
function roomOf(topology: Topology, { waiting, notify = () => {} }: PipelineDeps): Room | undefined {
  const { resample: config } = topology.stages;
  const ahead = aheadOf(topology);
  if (ahead === null || !config?.follow || waiting === undefined) return undefined;
  const { actions, follow, maxAhead } = config;
  return new Room(
    { most: maxAhead ?? ahead.held, actions, checkMs: follow.checkMs },
    { waiting: (most) => waiting(ahead.readers, most), now: () => performance.now(), notify },
  );
}

/** The learner and its checkpoints, between the topics `scored` and `updates`. */
async function train(
  config: NonNullable<Topology['stages']['train']>,
  topology: Topology,
  { parts, checkpoints, training, trainTopics, observer }: PipelineDeps,
): Promise<Made<'train'>> {
  const { openLearner } = await import('./train/open-learner.ts');
  const { trainStage } = await import('./train/train-stage.ts');
  const { seed, source } = topology;
  const { reads: topic, window } = config;
  const run = source?.topic === topic ? source.run : undefined;
  const { onFallback } = parts;
  const advantage = await parts.advantage(config);
  const learner = parts.keep(await openLearner({ config, model: learnerOf(topology), seed, onFallback }));
  return parts.keep(
    trainStage(config, {
      ...learner,
      advantage,
      tasks: tasksOf(topology),
      checkpoints,
      ...training,
      observer,
      run: topology.run,
      stage: 'train',
      topic,
      window,
      ...trainTopics({ stage: 'train', topic, run }),
    }),
  );
}

/** The local policy that is trained. Throws `ConfigError` where there is none. */
function learnerOf({ learner, policy }: Topology): LocalModelConfig {
  if (learner) return learner;
  if (policy.kind === 'local') return policy;
  throw new ConfigError(
    `train needs a local policy, and the topology's policy is ${policy.model} behind ${policy.baseUrl}: name the one to train under \`learner\``,
  );
}

/** Instructions that no stage here shows may be open still. */
function tasksOf({ tasks }: Topology): ReadonlyMap<string, Task> {
  return new Map(
    Object.entries(tasks).map(([name, task]) => [
      name,
      { name, ...task, instructions: task.instructions ?? '', examples: task.examples ?? [] },
    ]),
  );
}
