/** The stage `train` over plain Observables: the checkpoints are on disk, everything else is in memory. */
import { existsSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { type OperatorFunction, tap } from 'rxjs';
import type { z } from 'zod';
import { ConfigError } from '../../errors.ts';
import type { Delivery } from '../../runtime/stage.ts';
import type { Scored, Update } from '../../topics/records.generated.ts';
import type { trainConfig } from '../../train/config.ts';
import type { TrainTopics } from '../../train/train-topics.ts';
import type { Notify } from '../notes.ts';
import type { TopologySettings } from '../topology.ts';
import { openStages, settle } from './open-stages.ts';
import { type Opened, type OperatorOptions, plain } from './plain.ts';
import { type ToolChoice, toolsOf } from './tools-of.ts';

type LearnerSettings = NonNullable<TopologySettings['learner']>;

/**
 * The settings of `stages.train` in a topology, which `swirl lint --reference` explains, and what a run would
 * have beside them.
 */
export interface TrainOptions extends z.input<typeof trainConfig>, OperatorOptions {
  /**
   * The policy to begin with: a folder, or the settings of a local model. It is not changed; what is learned
   * is in `checkpoints`.
   */
  readonly policy: string | LearnerSettings;
  /**
   * A folder for checkpoints, which must have none yet: `step-N` is the policy after N updates, as a Hugging
   * Face folder.
   */
  readonly checkpoints: string;
  /** As `rollout` was given them: the policy is trained on the conversations that it saw. */
  readonly tasks: NonNullable<TopologySettings['tasks']>;
  /** As `rollout` was given them, where tasks leave their instructions to Swirl. */
  readonly tools?: ToolChoice;
  /** Decides the first values of fresh adapters; 0 by default. */
  readonly seed?: number;
  /**
   * With more than one of `epochs` the records are kept for the next: at most so many, 100,000 by default.
   */
  readonly keep?: number;
  /** Hears what the user should know. By default these are Node warnings. */
  readonly notify?: Notify;
}

const KEEP = 100_000;

/**
 * Scored steps become updates of the policy, in the order in which they come. An update is emitted with the
 * checkpoint that covers it, every `checkpointEvery` updates and at the end; a step that cannot be trained on
 * is a failure. With the same records, settings, policy and device the weights are the same, to the hash.
 * Ends with a `ConfigError` where training diverges, and where `checkpoints` has some already: to go on from
 * one of them, name it as `policy`, and another folder.
 *
 * @example
 * scored.pipe(train({ policy: 'policies/tiny', checkpoints: 'out', tasks, batch: { subTrajectories: 32 } }));
 */
export function train(options: TrainOptions): OperatorFunction<Scored, Update> {
  const { policy, tasks, tools, seed = 0, notify, keep = KEEP, queue, onFailure, ...rest } = options;
  const chosen = toolsOf(tools);
  const { checkpoints: folder, ...settings } = rest;
  const topology = settle('train', {
    ...{ seed, tasks, tools: chosen.settings },
    learner: typeof policy === 'string' ? { checkpoint: policy } : policy,
    stages: { train: settings },
  });
  const checkpoints = resolve(folder);
  const { window = 1, epochs = 1 } = topology.stages.train ?? {};
  return plain<Scored, 'updates'>(
    {
      ...{ name: 'train', reads: 'scored', writes: 'updates', window },
      open: async () => {
        checkEmpty(checkpoints);
        const memory = memoryOf({ keep: epochs > 1 ? keep : 0 });
        const stages = await openStages(topology, {
          only: ['train'],
          notify,
          own: { tools: chosen.own },
          training: { checkpoints, trainTopics: () => memory.topics },
        });
        const stage = stages.stage('train');
        const { signal } = new AbortController();
        await stage.startAt?.({ partition: 0, committed: 0, signal });
        const operator = stages.operator<Scored>('train');
        return {
          operator: (source) => operator(epochs > 1 ? source.pipe(tap(memory.keep)) : source),
          onEmitted: memory.onEmitted,
          close: stages.close,
        };
      },
    },
    { window, ...(queue ? { queue } : {}), ...(onFailure ? { onFailure } : {}) },
  );
}

/** What training would ask of its topics. */
interface Memory extends Required<Pick<Opened<Scored>, 'onEmitted'>> {
  readonly topics: TrainTopics;
  readonly keep: (delivery: Delivery<Scored>) => void;
}

function memoryOf({ keep: most }: { readonly keep: number }): Memory {
  const kept: Delivery<Scored>[] = [];
  let [offset, step] = [0, 0];
  return {
    topics: {
      published: async () => ({ offset, step }),
      reread: async function* ({ from, to }) {
        for (const delivery of kept) if (delivery.offset >= from && delivery.offset < to) yield delivery;
      },
    },
    keep: (delivery) => {
      if (kept.length >= most) {
        throw new ConfigError(
          `train: more than ${most} records, and with several epochs all are kept in memory (\`keep\`). ` +
            'Raise it, train one epoch, or train from topics, which keep them on disk',
        );
      }
      kept.push(delivery);
    },
    onEmitted: (next, outputs) => {
      offset = Math.max(offset, next);
      for (const { topic, value } of outputs) if (topic === 'updates') step = value.step;
    },
  };
}

/** Another stream would go on from what these have seen, and leave out as many of its own records. */
function checkEmpty(folder: string): void {
  const found = existsSync(folder) ? readdirSync(folder).find((name) => name.startsWith('step-')) : undefined;
  if (found === undefined) return;
  throw new ConfigError(
    `train: ${folder} has checkpoints already, ${found} among them: expected a folder without. To go on from one of them, name it as ` +
      '`policy`, and another folder',
  );
}
