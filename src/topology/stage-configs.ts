/**
 * The stages that there can be: what each reads and writes by default, its window, retries and own settings.
 */
import { z } from 'zod';
import { filterConfig } from '../judge/filter-config.ts';
import { followConfig } from '../models/following-model.ts';
import { moduleStage } from '../own-stages/module-stage.ts';
import { resampleConfig } from '../resample/config.ts';
import { branchConfig, startConfig } from '../rollout/config.ts';
import { retryConfig } from '../runtime/retry.ts';
import { toolsConfig } from '../tools/tools-config.ts';
import { trainConfig } from '../train/config.ts';
import { TOPICS, type TopicName } from './topics.ts';

/** In the order of the flow. */
export const STAGES = [
  'start',
  'branch',
  'rollout',
  'tools',
  'decompose',
  'judge',
  'filter',
  'resample',
  'reward',
  'train',
] as const;

export type StageName = (typeof STAGES)[number];

/** Those that are there only where a topology has them. */
const OPTIONAL: readonly StageName[] = ['branch', 'resample'];

/** Those that are there without `stages`. */
export const DEFAULT_STAGES: readonly StageName[] = STAGES.filter((name) => !OPTIONAL.includes(name));

/** The topic that `resample` writes by default: one with the records of `accepted`, which it brings along. */
export const RESAMPLED = 'resampled';

/** The topic that `branch` reads by default: recorded steps, which it brings along too. */
export const CONTEXTS = 'contexts';

/** What a stage's records must be: the topics whose records it can read and write. */
export const STAGE_RECORDS = {
  start: { reads: 'questions', writes: ['turns'] },
  branch: { reads: 'sub-trajectories', writes: ['turns'] },
  rollout: { reads: 'turns', writes: ['turns', 'tool-calls', 'trajectories'] },
  tools: { reads: 'tool-calls', writes: ['turns'] },
  decompose: { reads: 'trajectories', writes: ['sub-trajectories'] },
  judge: { reads: 'sub-trajectories', writes: ['judged'] },
  filter: { reads: 'judged', writes: ['accepted'] },
  resample: { reads: 'accepted', writes: ['accepted'] },
  reward: { reads: 'accepted', writes: ['scored'] },
  train: { reads: 'scored', writes: ['updates'] },
} as const satisfies Record<StageName, { reads: TopicName; writes: readonly TopicName[] }>;

/** A topic's name: Swirl's own or one that the topology adds; a rule says which there are. */
export const topicName = z
  .string()
  .min(1)
  .max(64)
  .meta({ examples: [...TOPICS] });

const windowConfig = z
  .number()
  .int()
  .min(1)
  .max(1_000_000)
  .describe('Most records in flight per input partition: pulled, not yet committed.');

const readsConfig = topicName.describe('The topic it consumes.');

const writesConfig = z
  .array(topicName)
  .max(32)
  .describe('The topics it appends to; `failures` is understood.');

/** What a stage reads and writes where nobody says otherwise. */
function wiringOf(stage: StageName): { readonly reads: string; readonly writes: readonly string[] } {
  if (stage === 'branch') return { ...STAGE_RECORDS.branch, reads: CONTEXTS };
  if (stage === 'resample') return { ...STAGE_RECORDS.resample, writes: [RESAMPLED] };
  return STAGE_RECORDS[stage];
}

function wiring(stage: StageName, window: number) {
  const { reads, writes } = wiringOf(stage);
  return {
    reads: readsConfig.default(reads),
    writes: writesConfig.default([...writes]),
    window: windowConfig.default(window),
    retry: retryConfig.prefault({}),
  };
}

const startStageConfig = startConfig.extend(wiring('start', 64));

const branchStageConfig = branchConfig.extend(wiring('branch', 64));

const rolloutConfig = z.strictObject({
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

const decomposeConfig = z.strictObject({ ...wiring('decompose', 256) });

const judgeStageConfig = z.strictObject({ ...wiring('judge', 64) });

const filterStageConfig = filterConfig.extend(wiring('filter', 1024));

const resampleStageConfig = resampleConfig.extend(wiring('resample', 16));

const rewardStageConfig = z.strictObject({ ...wiring('reward', 64) });

const trainStageConfig = trainConfig.extend(wiring('train', 1024));

/** A stage whose operator is in a module of one's own. */
const ownStageConfig = moduleStage.settings.extend({
  kind: z.literal(moduleStage.name).describe(moduleStage.about),
  reads: readsConfig,
  writes: writesConfig,
  window: windowConfig.default(64),
  retry: retryConfig.prefault({}),
});

export type OwnStageConfig = z.output<typeof ownStageConfig>;

/** A stage in the place of one of Swirl's: its wiring need not be said. */
function replacing(stage: StageName) {
  const { reads, writes } = wiringOf(stage);
  return ownStageConfig.extend({
    reads: readsConfig.default(reads),
    writes: writesConfig.default([...writes]),
  });
}

const configs = {
  start: startStageConfig.describe('question -> the first turn of each rollout'),
  branch: branchStageConfig.describe(
    'recorded step -> turns that begin again before it; not there by default: `swirl branch`',
  ),
  rollout: rolloutConfig.describe('turn -> action: a tool call, or the end of a trajectory'),
  tools: toolsStageConfig.describe('tool call -> the next turn'),
  decompose: decomposeConfig.describe('trajectory of k actions -> k sub-trajectories'),
  judge: judgeStageConfig.describe('sub-trajectory -> verdict'),
  filter: filterStageConfig.describe('keeps or drops whole trajectories by their verdicts'),
  resample: resampleStageConfig.describe(
    'accepted sub-trajectory -> fresh actions of the policy at its context; not there by default',
  ),
  reward: rewardStageConfig.describe('accepted sub-trajectory -> reward'),
  train: trainStageConfig.describe('scored sub-trajectories -> updates of the policy'),
} satisfies Record<StageName, z.ZodObject>;

/** Either Swirl's stage, or one's own in its place. */
function slot<N extends StageName>(stage: N) {
  const config = configs[stage];
  return z
    .union([replacing(stage), config])
    .optional()
    .describe(config.description ?? '');
}

const shape = z
  .object({
    start: slot('start'),
    branch: slot('branch'),
    rollout: slot('rollout'),
    tools: slot('tools'),
    decompose: slot('decompose'),
    judge: slot('judge'),
    filter: slot('filter'),
    resample: slot('resample'),
    reward: slot('reward'),
    train: slot('train'),
  } satisfies Record<StageName, z.ZodType>)
  .catchall(ownStageConfig);

type OwnInput = z.input<typeof ownStageConfig>;
type Slot = { readonly [N in StageName]: z.input<(typeof configs)[N]> };

/** What may be written: TypeScript cannot say "any other key", so that any key may have any of the forms. */
export type StagesInput = { readonly [N in StageName]?: Slot[N] | z.input<ReturnType<typeof replacing>> } & {
  readonly [name: string]: OwnInput | z.input<ReturnType<typeof replacing>> | Slot[StageName] | undefined;
};

/** The same, with every default filled in. */
type StagesOutput = {
  [N in StageName]?: z.output<(typeof configs)[N]> | z.output<ReturnType<typeof replacing>> | undefined;
} & {
  [name: string]: OwnStageConfig | z.output<(typeof configs)[StageName]> | undefined;
};

/** A stage that is not in the file is not in the flow. */
export const stagesConfig = shape as unknown as z.ZodType<StagesOutput, StagesInput>;

/** Swirl's own stages that are there. */
export type StagesConfig = { readonly [N in StageName]?: z.output<(typeof configs)[N]> | undefined };

/** Swirl's own stages apart from those in modules, be they in the place of one of Swirl's or beside them. */
export function splitStages(stages: z.output<typeof stagesConfig>): {
  readonly stages: StagesConfig;
  readonly ownStages: Readonly<Record<string, OwnStageConfig>>;
} {
  const entries = Object.entries(stages) as [string, { readonly kind?: string } | undefined][];
  const there = entries.filter(([, stage]) => stage !== undefined);
  const part = (isOwn: boolean) =>
    Object.fromEntries(there.filter(([, stage]) => (stage?.kind === 'module') === isOwn));
  return { stages: part(false) as StagesConfig, ownStages: part(true) as Record<string, OwnStageConfig> };
}
