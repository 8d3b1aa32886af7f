/**
 * One optimizer step, on one page: rows go forward through the policy, the objective says what each action
 * token counts, that goes backward, and the engine updates its weights. Knows no run and no topic.
 */

import type { ToldTask } from '../agent/model.ts';
import type { AdamWOptions, Engine } from '../engine/engine.ts';
import { ConfigError, ModelError } from '../errors.ts';
import type { StepLogprobs } from '../topics/records.generated.ts';
import { type Advantage, builtIn } from './advantage.ts';
import type { UpdateConfig } from './config.ts';
import type { InitialPolicy } from './initial-policy.ts';
import { type MicroBatch, microBatches } from './micro-batches.ts';
import { normalizer, tokenLoss } from './objective.ts';
import {
  groupByTrajectory,
  type PackedGroup,
  type PackedStep,
  type PackOptions,
  packTrajectory,
  type Refused,
  type Renderer,
  type Row,
  renderAhead,
  type TrainStep,
} from './packing.ts';
import { learningRateAt } from './schedule.ts';

export interface OptimizerStepDeps {
  /** The policy being trained. */
  readonly engine: Engine;
  /** For the KL penalty; needed when beta > 0. */
  readonly initial?: Pick<InitialPolicy, 'forward'> | undefined;
  readonly renderer: Renderer;
  /** Needed where the configuration names one that is not Swirl's. */
  readonly advantage?: Advantage | undefined;
  /** What the policy is told about each task, by its name. */
  readonly tasks: ReadonlyMap<string, ToldTask>;
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
  /** Over the tokens with recorded logprobs; null where there are none. */
  readonly meanRatio: number | null;
  readonly clippedShare: number | null;
  readonly gradNorm: number;
  readonly learningRate: number;
  /** Of each step in the order of the batch; null where the configuration wants none. */
  readonly steps: StepLogprobs[] | null;
}

export class OptimizerStep {
  /** How many steps were taken. */
  taken: number;
  readonly #config: UpdateConfig;
  readonly #deps: OptimizerStepDeps;
  readonly #packOptions: PackOptions;
  readonly #advantage: Advantage;

  /**
   * `taken`: how many steps the engine's optimizer has taken already. Throws `ConfigError` on beta without an
   * initial policy.
   */
  constructor(config: UpdateConfig, deps: OptimizerStepDeps, taken = 0) {
    if (config.beta > 0 && deps.initial === undefined) {
      throw new ConfigError(
        `beta is ${config.beta}: the KL penalty needs the initial policy, and none was given`,
      );
    }
    const { maxPositions, vocabSize } = deps.engine.config;
    this.#advantage = advantageOf(config, deps);
    this.taken = taken;
    this.#config = config;
    this.#deps = deps;
    this.#packOptions = {
      renderer: deps.renderer,
      tasks: deps.tasks,
      maxRowTokens: config.maxRowTokens,
      ...{ maxPositions, vocabSize },
      needsLogprobs: config.clipRatio !== null,
      ahead: new WeakMap(),
    };
  }

  /**
   * One step from at least one row. Throws `ConfigError`, before the weights change, where logprobs
   * or the gradient are not finite: training has diverged.
   */
  async take(rows: readonly Row[]): Promise<UpdateStatistics> {
    const { beta, microBatchTokens, schedule, stepLogprobs } = this.#config;
    const { engine, initial } = this.#deps;
    const batch = await this.#batchOf(rows);
    const totals: Totals = { loss: 0, logprob: 0, kl: 0, recorded: 0, ratio: 0, clipped: 0 };
    const passes = microBatches(rows, microBatchTokens);
    const before: number[] = [];
    for (const pass of passes) {
      // The initial policy goes first: the engine's backward belongs to its own last forward.
      const initialLogprobs = beta > 0 ? await initial?.forward(pass.rows) : undefined;
      const logprobs = await engine.forward(pass.rows);
      before.push(...meansOf(pass.steps, logprobs));
      const ofTokens = this.#objective(pass.steps, { logprobs, initialLogprobs }, { batch, totals });
      // Rewards of 0 are common, and a pass of nothing but zeros adds nothing.
      if (ofTokens.some((advantage) => advantage !== 0)) await engine.backward(ofTokens);
    }
    const learningRate = learningRateAt(schedule, this.taken + 1);
    const gradNorm = await this.#update(learningRate);
    this.taken++;
    const steps = stepLogprobs === 'none' ? null : await this.#stepLogprobs(passes, before);
    return {
      step: this.taken,
      subTrajectories: batch.subTrajectories,
      actionTokens: batch.actionTokens,
      rowTokens: sum(rows.map((row) => row.tokens.length)),
      meanReward: batch.meanReward,
      loss: totals.loss / batch.normalizer,
      meanLogprob: totals.logprob / batch.actionTokens,
      kl: totals.kl / batch.actionTokens,
      meanRatio: totals.recorded === 0 ? null : totals.ratio / totals.recorded,
      clippedShare: totals.recorded === 0 ? null : totals.clipped / totals.recorded,
      gradNorm,
      learningRate,
      steps,
    };
  }

  /** What the steps were before the update, and where that is asked for what they are now. */
  async #stepLogprobs(passes: readonly MicroBatch[], before: readonly number[]): Promise<StepLogprobs[]> {
    const after: number[] = [];
    if (this.#config.stepLogprobs === 'both') {
      for (const { rows, steps } of passes)
        after.push(...meansOf(steps, await this.#deps.engine.forward(rows)));
    }
    const unlikely = after.find((logprob) => !Number.isFinite(logprob));
    if (unlikely !== undefined) throw this.#diverged(`the logprob of a step after it is ${unlikely}`);
    return passes
      .flatMap(({ steps }) => steps)
      .map(({ id }, i) => ({ id, before: before[i] ?? Number.NaN, after: after[i] ?? null }));
  }

  /** Renders a step that is long beside the event loop: `pack` would hold it. */
  renderAhead(step: TrainStep): Promise<void> {
    return renderAhead(step, this.#packOptions);
  }

  /** The rows of one trajectory's steps, given in order, and the steps that cannot be trained on. */
  pack(steps: readonly TrainStep[]): PackedGroup {
    return packTrajectory(steps, this.#packOptions);
  }

  /**
   * One step from these sub-trajectories; adjacent ones of a trajectory share a row. Statistics are null, and
   * nothing changed, when every one was refused. Throws as `take`.
   */
  async packAndTake(
    steps: readonly TrainStep[],
  ): Promise<{ readonly statistics: UpdateStatistics | null; readonly refused: readonly Refused[] }> {
    const packed = groupByTrajectory(steps).map((group) => this.pack(group));
    const rows = packed.flatMap((group) => group.rows);
    const refused = packed.flatMap((group) => group.refused);
    return { statistics: rows.length === 0 ? null : await this.take(rows), refused };
  }

  /**
   * What each action token of a pass counts, its share of 1/N included; adds the pass's sums to the totals.
   */
  #objective(
    steps: readonly PackedStep[],
    { logprobs, initialLogprobs }: PassLogprobs,
    { batch, totals }: { readonly batch: BatchFacts; readonly totals: Totals },
  ): Float32Array {
    const ofTokens = new Float32Array(logprobs.length);
    let m = 0;
    for (const step of steps) {
      const advantage = batch.advantages.get(step) ?? 0;
      for (let i = 0; i < step.length; i++, m++) {
        const logprob = logprobs[m] ?? Number.NaN;
        if (!Number.isFinite(logprob))
          throw this.#diverged(`the logprob of a token of ${step.id} is ${logprob}`);
        const initial = initialLogprobs?.[m] ?? 0;
        const recorded = step.recorded?.[i] ?? 0;
        const token = tokenLoss({ advantage, logprob, initial, recorded }, this.#config);
        ofTokens[m] = token.advantage / batch.normalizer;
        totals.loss += token.loss;
        totals.logprob += logprob;
        totals.kl += token.kl;
        if (step.recorded === null) continue;
        totals.recorded += 1;
        totals.ratio += token.ratio;
        totals.clipped += Number(token.clipped);
      }
    }
    return ofTokens;
  }

  async #batchOf(rows: readonly Row[]): Promise<BatchFacts> {
    const steps = rows.flatMap((row) => row.steps);
    const counts = { subTrajectories: steps.length, actionTokens: sum(steps.map((step) => step.length)) };
    const asked = steps.map(({ reward, of }) => {
      return { reward, subTrajectory: of.subTrajectory, verdict: of.verdict ?? null };
    });
    const advantages = await this.#advantage.of(asked, this.taken + 1);
    return {
      ...counts,
      meanReward: sum(steps.map((step) => step.reward)) / steps.length,
      advantages: new Map(steps.map((step, i) => [step, advantages[i] ?? 0])),
      normalizer: normalizer(this.#config.normalize, counts),
    };
  }

  async #update(learningRate: number): Promise<number> {
    try {
      const { gradNorm } = await this.#deps.engine.update(adamW(this.#config, learningRate));
      if (!Number.isFinite(gradNorm)) throw this.#diverged(`the gradient's norm is ${gradNorm}`);
      return gradNorm;
    } catch (error) {
      if (error instanceof ModelError) throw this.#diverged(error.message, error);
      throw error;
    }
  }

  #diverged(what: string, cause?: Error): ConfigError {
    return new ConfigError(
      `training diverged at update ${this.taken + 1}: ${what}. The last checkpoint is whole: lower the learning rate, ` +
        'clip the gradient, or hold the policy with beta or clipRatio, and train again from an earlier policy',
      { cause },
    );
  }
}

/**
 * (M) logprobs of a pass's action tokens: under the policy, and under the initial one where beta >
 * 0.
 */
interface PassLogprobs {
  readonly logprobs: Float32Array;
  readonly initialLogprobs: Float32Array | undefined;
}

/** The mean logprob of each step's action tokens, of the (M) of a pass. */
function meansOf(steps: readonly PackedStep[], logprobs: Float32Array): number[] {
  let m = 0;
  return steps.map(({ length }) => {
    const mean = sum([...logprobs.subarray(m, m + length)]) / length;
    m += length;
    return mean;
  });
}

/** What is counted over the whole batch, however it is cut into passes. */
interface BatchFacts {
  readonly subTrajectories: number;
  readonly actionTokens: number;
  readonly meanReward: number;
  readonly advantages: ReadonlyMap<PackedStep, number>;
  /** N of the objective. */
  readonly normalizer: number;
}

function advantageOf({ advantage }: UpdateConfig, deps: OptimizerStepDeps): Advantage {
  if (deps.advantage !== undefined) return deps.advantage;
  if (typeof advantage === 'string') return builtIn(advantage);
  throw new ConfigError('the advantage is one of a module, and none was given');
}

/** Sums over the batch's action tokens. */
interface Totals {
  loss: number;
  logprob: number;
  kl: number;
  /** Tokens with recorded logprobs, their ratios, and how many of those did not count as they are. */
  recorded: number;
  ratio: number;
  clipped: number;
}

function adamW({ optimizer, clipNorm }: UpdateConfig, learningRate: number): AdamWOptions {
  const { beta1, beta2, epsilon, weightDecay } = optimizer;
  return { learningRate, beta1, beta2, epsilon, weightDecay, clipNorm: clipNorm ?? Number.POSITIVE_INFINITY };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
