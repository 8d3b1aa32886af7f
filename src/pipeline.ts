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
 * This is the one place that puts the stages together; what they are made of comes from `parts.ts`.
 */

import { answersMatch } from './agent/answers.ts';
import { decompose } from './decompose/decompose.ts';
import { filter } from './judge/filter.ts';
import { judge } from './judge/judge.ts';
import type { Parts } from './parts.ts';
import { reward } from './reward/reward.ts';
import { rollout } from './rollout/rollout.ts';
import { start } from './rollout/start.ts';
import { sleep } from './runtime/clock.ts';
import type { Stage, StageOperator } from './runtime/stage.ts';
import { tools } from './tools/tools.ts';
import type { TopicRecords } from './topics/records.generated.ts';
import type { STAGE_RECORDS, StageName } from './topology/stage-configs.ts';
import type { Topology } from './topology/topology.ts';

/** What a stage is made of; the topology says the rest. */
type Made<N extends StageName> = Pick<Stage, 'holds' | 'outlasts' | 'startAt'> & {
  readonly operator: (partition: number) => StageOperator<TopicRecords[(typeof STAGE_RECORDS)[N]['reads']]>;
};

/** The stages of a topology that this process runs: all, or those that are named. */
export async function pipeline(
  topology: Topology,
  parts: Parts,
  only?: readonly StageName[],
): Promise<Stage[]> {
  const { stages, source } = topology;
  const { tasks } = parts;
  const flow: Stage[] = [];

  /** Adds a stage, if the topology has it and this process is to run it. */
  async function add<N extends StageName>(
    name: N,
    make: (config: NonNullable<Topology['stages'][N]>) => Made<N> | Promise<Made<N>>,
  ): Promise<void> {
    const config = stages[name];
    if (!config || (only && !only.includes(name))) return;
    const { reads, writes, window } = config;
    const replayed = source?.topic === reads ? { readsRun: source.run } : {};
    flow.push({
      name,
      reads,
      writes,
      window,
      ...replayed,
      ...(await make(config)),
    });
  }

  await add('start', (config) => ({ operator: () => start(config, { tasks, retry: config.retry, sleep }) }));

  await add('rollout', async ({ retry }) => {
    const [policy, tools] = [await parts.policy(), await parts.tools()];
    return { operator: () => rollout({ policy, tasks, tools, retry, sleep }) };
  });

  await add('tools', async (config) => {
    const all = await parts.tools();
    const operator = tools(config, { tools: all, retry: config.retry, sleep });
    return { operator: () => operator };
  });

  await add('decompose', ({ retry }) => ({ operator: () => decompose({ retry, sleep }) }));

  await add('judge', async ({ retry }) => {
    const model = await parts.judge();
    return { operator: () => judge({ judge: model, retry, sleep }) };
  });

  await add('filter', (config) => ({
    operator: () => filter(config, { matches: answersMatch, window: config.window }),
    holds: true,
  }));

  await add('reward', async ({ retry }) => {
    const model = await parts.rewardModel();
    return { operator: () => reward({ model, retry, sleep }) };
  });

  await add('train', (config) => parts.train(config));

  return flow;
}
