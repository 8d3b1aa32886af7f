/**
 * The topology: which stages a run has, what they read and write, and how each is configured. This
 * definition is the only one: types, defaults, checks and the reference are derived from it. Each part's
 * settings are defined beside their user and composed here.
 */
import { z } from 'zod';
import { localModelConfig } from '../models/local-model-config.ts';
import { modulesConfig } from '../modules/module-settings.ts';
import { alarmsConfig } from '../monitor/alarm-config.ts';
import { metricsConfig, tracesConfig, updateFilesConfig } from '../monitor/telemetry-config.ts';
import { unionOf } from '../parts/kind.ts';
import { runtimeConfig } from '../runtime/runtime-config.ts';
import { cacheConfig } from '../spending/cache-config.ts';
import { budgetConfig, pricesConfig } from '../spending/spending-config.ts';
import { embeddedConfig } from '../topics/embedded/embedded-config.ts';
import { kafkaConfig } from '../topics/kafka/kafka-config.ts';
import { JUDGES, MATCHERS, POLICIES, READERS, REWARDS, TOOLS } from './kinds.ts';
import {
  DEFAULT_STAGES,
  type OwnStageConfig,
  type StagesConfig,
  stagesConfig,
  topicName,
} from './stage-configs.ts';
import { type TopicsConfig, topicsConfig, type WrittenOwnTopic } from './topic-configs.ts';

/** Names of runs, tasks and tools: they become folder names, record fields and command-line paths. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;

const runName = z
  .string()
  .regex(NAME, 'expected letters, digits, `_` and `-`, beginning with a letter or digit')
  .max(100);

const name = z
  .string()
  .regex(NAME, 'expected letters, digits, `_` and `-`, beginning with a letter or digit')
  .max(64);

/** What is there when a file does not say. */
export const DEFAULT_KINDS = {
  transport: { kind: 'embedded' },
  policy: { kind: 'local' },
  judge: { kind: 'rules' },
  reward: { kind: 'rules' },
  matcher: { kind: 'standard' },
} as const;

const transportConfig = z.discriminatedUnion('kind', [
  embeddedConfig.extend({ kind: z.literal('embedded') }),
  kafkaConfig.safeExtend({ kind: z.literal('kafka') }),
]);

const policyConfig = unionOf(POLICIES);
const judgeConfig = unionOf(JUDGES);
const rewardConfig = unionOf(REWARDS);
const matcherConfig = unionOf(MATCHERS);
const toolConfig = unionOf(TOOLS);
const readerConfig = unionOf(READERS);

const exampleText = z.string().min(1).max(20_000);

const taskConfig = z.strictObject({
  instructions: z
    .string()
    .max(100_000)
    .nullable()
    .default(null)
    .describe(
      "The system message; '': none. null: Swirl's own, with each tool's tag and a worked example, written when the run begins.",
    ),
  examples: z
    .array(
      z.strictObject({
        user: exampleText.describe('What the policy is shown: a question, or what came of a call.'),
        assistant: exampleText.describe('What it writes then: a call or an answer, in its tag.'),
      }),
    )
    .max(64)
    .nullable()
    .default(null)
    .describe(
      "Messages that stand before the question, as if they had been written; [] is none. null: Swirl's own, a call of each tool and answers, where `instructions` are Swirl's too.",
    ),
  tools: z.array(name).default([]).describe('Names of the tools that the policy may call.'),
  maxSteps: z
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(5)
    .describe('The largest number of actions in a trajectory.'),
});

export const topologyConfig = z.strictObject({
  run: runName.default('main').describe("The run's name: its topics, checkpoints and folder bear it."),
  seed: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe('With the ids of the records it decides every random number.'),
  folder: z.string().min(1).default('runs').describe('Where runs live: each in a folder of its name.'),
  transport: transportConfig.prefault(DEFAULT_KINDS.transport).describe('Where the topics live.'),
  policy: policyConfig
    .prefault(DEFAULT_KINDS.policy)
    .describe('The model that writes the actions and learns.'),
  learner: localModelConfig
    .nullable()
    .default(null)
    .describe(
      'The local policy that `train` updates where `policy` is a remote model; null: `policy` itself.',
    ),
  judge: judgeConfig.prefault(DEFAULT_KINDS.judge).describe('The process judge.'),
  reward: rewardConfig.prefault(DEFAULT_KINDS.reward).describe('The reward model.'),
  matcher: matcherConfig
    .prefault(DEFAULT_KINDS.matcher)
    .describe('What compares answers with gold answers, for the outcome filter and evaluation.'),
  tasks: z.record(name, taskConfig).default({}).describe('What questions may ask for, by name.'),
  tools: z.record(name, toolConfig).default({}).describe('The tools that tasks may use, by name.'),
  readers: z
    .record(name, readerConfig)
    .default({})
    .describe('Readers of data files by name, for `swirl feed --dataset NAME`, beside those that Swirl has.'),
  stages: stagesConfig
    .prefault(Object.fromEntries(DEFAULT_STAGES.map((stage) => [stage, {}])))
    .describe(
      "The stages of the flow: Swirl's, and with other names one's own. A stage that is not listed is not there; without `stages` all of Swirl's but `branch` and `resample` are.",
    ),
  runtime: runtimeConfig.prefault({}),
  cache: cacheConfig.prefault({}),
  prices: pricesConfig.prefault({}),
  budget: budgetConfig.prefault({}),
  alarms: alarmsConfig,
  metrics: metricsConfig.prefault({}),
  traces: tracesConfig.prefault({}),
  updateFiles: updateFilesConfig,
  modules: modulesConfig.prefault({}),
  topics: topicsConfig
    .prefault({})
    .describe("Settings of Swirl's topics, and topics of one's own: other names, with `record` or `schema`."),
  fed: z
    .array(topicName)
    .default(['questions'])
    .describe('Topics that are filled from outside: by `swirl feed` or any producer.'),
  source: z
    .strictObject({
      run: runName.describe('The run that is read, read-only.'),
      topic: topicName.describe('Which of its topics takes the place of ours.'),
      without: z
        .array(z.string().min(1).max(1024))
        .max(10_000)
        .default([])
        .describe(
          'Names of questions, trajectories and steps whose records are left out, as if they had never been there.',
        ),
      until: z
        .strictObject({
          offset: z.number().int().min(0).optional().describe('Offsets of each partition from this one on.'),
          time: z.iso
            .datetime({ offset: true })
            .optional()
            .describe('Records appended at this time or later.'),
        })
        .optional()
        .describe('Where the topic ends for the replay: what is left out, as if it had not come yet.'),
      verdicts: z
        .strictObject({
          run: runName.describe('The run whose verdicts are taken, read-only.'),
          again: z
            .array(z.enum(['GOOD', 'BAD', 'UNKNOWN']))
            .min(1)
            .describe('Steps with these verdicts are judged again.'),
        })
        .optional()
        .describe('Verdicts that `judge` takes as they were recorded, in place of asking the judge.'),
    })
    .nullable()
    .default(null)
    .describe('A replay: one topic is read from another run.'),
});

/** A topology as it is written, with every default filled in. */
export type WrittenTopology = z.output<typeof topologyConfig>;

/** A topology to run: every default filled in, what was left to Swirl settled, and paths absolute. */
export type Topology = Omit<WrittenTopology, 'topics' | 'stages'> & {
  /** Swirl's own stages that are there. */
  readonly stages: StagesConfig;
  /** Stages in modules, by name: in the place of one of Swirl's, or beside them. */
  readonly ownStages: Readonly<Record<string, OwnStageConfig>>;
  /** Settings of Swirl's own topics. */
  readonly topics: TopicsConfig;
  /** Topics that the topology adds, by name: every schema in place of its file. */
  readonly ownTopics: Readonly<Record<string, WrittenOwnTopic>>;
};
