/** One optimizer step: a batch of rows through the policy, the objective, and the update. Knows no run and no topic. */

import type { Engine } from '../engine/engine.ts';
import { ConfigError, ModelError } from '../errors.ts';
import type { UpdateConfig } from './config.ts';
import type { InitialPolicy } from './initial-policy.ts';
import { type MicroBatch, microBatches } from './micro-batches.ts';
import { advantages, normaliser, tokenLoss } from './objective.ts';
import {
  groupByTrajectory,
  type PackedGroup,
  type PackedStep,
  type PackOptions,
  packTrajectory,
  type Refused,
  type Renderer,
  type Row,
  type TrainStep,
} from './packing.ts';
import { learningRateAt } from './schedule.ts';

export interface TrainerDeps {
  /** The policy being trained. */
  readonly engine: Engine;
  /** The initial policy, for the KL penalty; needed when beta > 0. */
  readonly reference?: Pick<InitialPolicy, 'forward'> | undefined;
  readonly renderer: Renderer;
  /** The instructions of each task, by its name. */
  readonly instructions: ReadonlyMap<string, string>;
}

/** What one update did; see the fields of the same names in schemas/updates.avsc. */
export interface UpdateStatistics {
  /** The optimizer's step, from 1. */
  readonly step: number;
  readonly subTrajectories: number;
  readonly actionTokens: number;
  readonly rowTokens: number;
  readonly meanReward: number;
  readonly loss: number;
  readonly meanLogprob: number;
  readonly kl: number;
  readonly gradNorm: number;
  readonly learningRate: number;
}

export class Trainer {
  /** How many updates were made. */
  step: number;
  readonly #config: UpdateConfig;
  readonly #deps: TrainerDeps;
  readonly #packOptions: PackOptions;

  /** `step`: how many updates the engine's optimizer has made already. Throws `ConfigError` on beta without a reference. */
  constructor(config: UpdateConfig, deps: TrainerDeps, step = 0) {
    if (config.beta > 0 && deps.reference === undefined) {
      throw new ConfigError(
        `beta is ${config.beta}: the KL penalty needs the initial policy, and none was given`,
      );
    }
    const { maxPositions, vocabSize } = deps.engine.config;
    this.step = step;
    this.#config = config;
    this.#deps = deps;
    this.#packOptions = {
      renderer: deps.renderer,
      instructions: deps.instructions,
      maxTokens: Math.min(config.maxRowTokens, maxPositions),
      vocabSize,
      needsLogprobs: config.clipRatio !== null,
    };
  }

  /** The rows of one trajectory's steps, given in order, and the steps that cannot be trained on. */
  pack(steps: readonly TrainStep[]): PackedGroup {
    return packTrajectory(steps, this.#packOptions);
  }

  /**
   * One update from these steps; adjacent steps of a trajectory share a row. Statistics are null, and
   * nothing changed, when every step was refused. Throws as `trainRows`.
   */
  async trainBatch(
    steps: readonly TrainStep[],
  ): Promise<{ readonly statistics: UpdateStatistics | null; readonly refused: readonly Refused[] }> {
    const packed = groupByTrajectory(steps).map((group) => this.pack(group));
    const rows = packed.flatMap((group) => group.rows);
    const refused = packed.flatMap((group) => group.refused);
    return { statistics: rows.length === 0 ? null : await this.trainRows(rows), refused };
  }

  /**
   * One update from at least one row. Throws `ConfigError`, before the weights change, where log-probabilities or
   * the gradient are not finite: training has diverged.
   */
  async trainRows(rows: readonly Row[]): Promise<UpdateStatistics> {
    const { normalize, advantage, microBatchTokens, schedule } = this.#config;
    const steps = rows.flatMap((row) => row.steps);
    const rewards = steps.map((step) => step.reward);
    const centred = advantages(rewards, advantage);
    const actionTokens = sum(steps.map((step) => step.length));
    const batch: BatchFacts = {
      advantages: new Map(steps.map((step, i) => [step, centred[i] ?? 0])),
      normaliser: normaliser(normalize, { subTrajectories: steps.length, actionTokens }),
    };
    const totals: Totals = { loss: 0, logprob: 0, kl: 0 };
    for (const micro of microBatches(rows, microBatchTokens)) await this.#accumulate(micro, batch, totals);
    const learningRate = learningRateAt(schedule, this.step + 1);
    const gradNorm = await this.#update(learningRate);
    this.step++;
    return {
      step: this.step,
      subTrajectories: steps.length,
      actionTokens,
      rowTokens: sum(rows.map((row) => row.tokens.length)),
      meanReward: sum(rewards) / rewards.length,
      loss: totals.loss / batch.normaliser,
      meanLogprob: totals.logprob / actionTokens,
      kl: totals.kl / actionTokens,
      gradNorm,
      learningRate,
    };
  }

  /** Adds a micro-batch's gradient to the engine's, and its sums to the totals. */
  async #accumulate(micro: MicroBatch, batch: BatchFacts, totals: Totals): Promise<void> {
    const { engine, reference } = this.#deps;
    const { beta } = this.#config;
    // The reference goes first: the engine's backward belongs to its own last forward.
    const references = beta > 0 ? await reference?.forward(micro.rows) : undefined;
    const logprobs = await engine.forward(micro.rows);
    const weights = new Float32Array(logprobs.length);
    let m = 0;
    for (const step of micro.steps) {
      const advantage = batch.advantages.get(step) ?? 0;
      for (let i = 0; i < step.length; i++, m++) {
        const logprob = logprobs[m] ?? Number.NaN;
        if (!Number.isFinite(logprob))
          throw this.#diverged(`the log-probability of a token of ${step.id} is ${logprob}`);
        const terms = {
          advantage,
          logprob,
          reference: references?.[m] ?? 0,
          recorded: step.recorded?.[i] ?? 0,
        };
        const token = tokenLoss(terms, this.#config);
        weights[m] = token.weight / batch.normaliser;
        totals.loss += token.loss;
        totals.logprob += logprob;
        totals.kl += token.kl;
      }
    }
    // Rewards of 0 are common, and a pass of nothing but zeros adds nothing.
    if (weights.some((weight) => weight !== 0)) await engine.backward(weights);
  }

  async #update(learningRate: number): Promise<number> {
    const { optimizer, clipNorm } = this.#config;
    const { beta1, beta2, epsilon, weightDecay } = optimizer;
    const options = {
      learningRate,
      beta1,
      beta2,
      epsilon,
      weightDecay,
      clipNorm: clipNorm ?? Number.POSITIVE_INFINITY,
    };
    try {
      const { gradNorm } = await this.#deps.engine.update(options);
      if (!Number.isFinite(gradNorm)) throw this.#diverged(`the gradient's norm is ${gradNorm}`);
      return gradNorm;
    } catch (error) {
      if (error instanceof ModelError) throw this.#diverged(error.message, error);
      throw error;
    }
  }

  #diverged(what: string, cause?: Error): ConfigError {
    return new ConfigError(
      `training diverged at update ${this.step + 1}: ${what}. The last checkpoint is whole: lower the learning rate, ` +
        'clip the gradient, or hold the policy with beta or clipRatio, and train again from an earlier policy',
      { cause },
    );
  }
}

interface BatchFacts {
  readonly advantages: ReadonlyMap<PackedStep, number>;
  /** N of the objective, over the whole batch. */
  readonly normaliser: number;
}

/** Sums over the batch's action tokens. */
interface Totals {
  loss: number;
  logprob: number;
  kl: number;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
