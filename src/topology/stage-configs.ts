/** The stages that there can be: what each reads and writes by default, its window, retries and own settings. */
import { z } from 'zod';
import { filterConfig } from '../judge/filter.ts';
import { followConfig } from '../models/following-model.ts';
import { startConfig } from '../rollout/config.ts';
import { retryConfig } from '../runtime/retry.ts';
import { toolsConfig } from '../tools/tools.ts';
import { trainConfig } from '../train/config.ts';
import { TOPICS, type TopicName } from './topics.ts';

/** In the order of the flow. */
export const STAGES = [
  'start',
  'rollout',
  'tools',
  'decompose',
  'judge',
  'filter',
  'reward',
  'train',
] as const;

export type StageName = (typeof STAGES)[number];

/** What a stage's records must be: the topics whose records it can read and write. */
export const STAGE_RECORDS = {
  start: { reads: 'questions', writes: ['turns'] },
  rollout: { reads: 'turns', writes: ['turns', 'tool-calls', 'trajectories'] },
  tools: { reads: 'tool-calls', writes: ['turns'] },
  decompose: { reads: 'trajectories', writes: ['sub-trajectories'] },
  judge: { reads: 'sub-trajectories', writes: ['judged'] },
  filter: { reads: 'judged', writes: ['accepted'] },
  reward: { reads: 'accepted', writes: ['scored'] },
  train: { reads: 'scored', writes: ['updates'] },
} as const satisfies Record<StageName, { reads: TopicName; writes: readonly TopicName[] }>;

/** A topic's name: Swirl's own or one that the topology adds; a rule says which there are. */
export const topicName = z
  .string()
  .min(1)
  .max(64)
  .meta({ examples: [...TOPICS] });

function wiring(stage: StageName, window: number) {
  const { reads, writes } = STAGE_RECORDS[stage];
  return {
    reads: topicName.default(reads).describe('The topic it consumes.'),
    writes: z
      .array(topicName)
      .default([...writes])
      .describe('The topics it appends to; `failures` is understood.'),
    window: z
      .number()
      .int()
      .min(1)
      .max(1_000_000)
      .default(window)
      .describe('Most records in flight per input partition: pulled, not yet committed.'),
    retry: retryConfig.prefault({}),
  };
}

const startStageConfig = startConfig.extend(wiring('start', 64));

export const rolloutConfig = z.strictObject({
  ...wiring('rollout', 64),
  merge: z
    .enum(['auto', 'deterministic', 'arrival'])
    .default('auto')
    .describe(
      'How the producers of `turns` (start, rollout, tools) share it. deterministic: they take turns in a fixed priority, so that two runs with one seed write the same topics. arrival: as records come. auto: deterministic on the embedded log with a local policy that does not `follow`, arrival otherwise.',
    ),
  follow: followConfig
    .nullable()
    .default(null)
    .describe(
      'null: the policy stays as it is while questions are answered, as in the paper. Otherwise it is taken from the checkpoints of this run, which must be on a disk that this worker sees.',
    ),
});

const toolsStageConfig = toolsConfig.extend(wiring('tools', 64));

export const decomposeConfig = z.strictObject({ ...wiring('decompose', 256) });

export const judgeStageConfig = z.strictObject({ ...wiring('judge', 64) });

const filterStageConfig = filterConfig.extend(wiring('filter', 1024));

export const rewardStageConfig = z.strictObject({ ...wiring('reward', 64) });

export const trainStageConfig = trainConfig.extend(wiring('train', 1024));

/** A stage that is not in the file is not in the flow. */
export const stagesConfig = z.strictObject({
  start: startStageConfig.optional().describe('question -> the first turn of each rollout'),
  rollout: rolloutConfig.optional().describe('turn -> action: a tool call, or the end of a trajectory'),
  tools: toolsStageConfig.optional().describe('tool call -> the next turn'),
  decompose: decomposeConfig.optional().describe('trajectory of k actions -> k sub-trajectories'),
  judge: judgeStageConfig.optional().describe('sub-trajectory -> verdict'),
  filter: filterStageConfig.optional().describe('keeps or drops whole trajectories by their verdicts'),
  reward: rewardStageConfig.optional().describe('accepted sub-trajectory -> reward'),
  train: trainStageConfig.optional().describe('scored sub-trajectories -> updates of the policy'),
});

export type StagesConfig = z.output<typeof stagesConfig>;
