/**
 * A local policy that takes over what training makes of it while it samples. The trainer tells its updates in
 * the topic `updates` and leaves checkpoints; a worker that follows loads the newest one as it appears, and
 * where it lags too far behind it waits. Every completion names the version that wrote all of it: weights
 * never change under a sample.
 *
 * What is sampled then depends on when updates arrived. It is recorded, so a replay from `trajectories` is
 * exact.
 */
import { z } from 'zod';
import type { Completion, CompletionRequest, LanguageModel } from '../agent/model.ts';
import type { Engine, Tensors } from '../engine/engine.ts';
import { hashDigits } from './local-model.ts';

export const followConfig = z
  .strictObject({
    maxLag: z
      .int()
      .min(0)
      .default(64)
      .describe(
        'Wait where the newest update is this many updates ahead of the weights that are sampled from.',
      ),
    checkMs: z
      .int()
      .min(10)
      .max(600_000)
      .default(1000)
      .describe('How often to look for updates, in milliseconds.'),
  })
  .describe('Sample from the policy as it is being trained: take over each new checkpoint of the run.');

export type FollowConfig = z.output<typeof followConfig>;

/** Weights as training made them. */
export interface PolicyVersion {
  /** How many updates made them. */
  readonly step: number;
  readonly hash: string;
}

export interface FollowDeps {
  readonly model: LanguageModel;
  readonly engine: Pick<Engine, 'setWeights'>;
  /** What the engine has at first. */
  readonly first: PolicyVersion;
  /** The step of the newest update that was told; 0: none. */
  readonly published: (signal: AbortSignal) => Promise<number>;
  /** The newest checkpoint, or null. It may be gone by the time it is read. */
  readonly newest: () => Promise<number | null>;
  /** The weights of a checkpoint, checked against its hash. */
  readonly read: (step: number) => Promise<{ readonly weights: Tensors; readonly hash: string }>;
  /** Waits this many milliseconds, or until the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly notify: (message: string) => void;
}

export class FollowingModel implements LanguageModel {
  readonly #config: FollowConfig;
  readonly #deps: FollowDeps;
  readonly #over = new AbortController();
  #following: Promise<void> = Promise.resolve();
  #version: PolicyVersion;
  #published: number;
  #failure: unknown;
  /** Completions under way, and whether new ones must wait for other weights. */
  #active = 0;
  #changing = false;
  #waiting: (() => void)[] = [];

  private constructor(config: FollowConfig, deps: FollowDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#version = deps.first;
    this.#published = deps.first.step;
  }

  /** A worker that starts late begins with what there is by then. */
  static async open(config: FollowConfig, deps: FollowDeps): Promise<FollowingModel> {
    const model = new FollowingModel(config, deps);
    await model.#look();
    model.#following = model.#follow();
    return model;
  }

  /** `local:HASH@STEP`: the beginning of the weights' hash, and their updates. */
  get name(): string {
    return `local:${this.#version.hash.slice(0, hashDigits)}@${this.#version.step}`;
  }

  get thinking() {
    return this.#deps.model.thinking;
  }

  async complete(request: CompletionRequest): Promise<Completion> {
    while (this.#changing || this.#lags()) {
      if (this.#failure !== undefined) throw this.#failure;
      await this.#change(request.signal);
    }
    const { name } = this;
    this.#active++;
    try {
      return { ...(await this.#deps.model.complete(request)), model: name };
    } finally {
      this.#active--;
      this.#wake();
    }
  }

  async close(): Promise<void> {
    this.#over.abort();
    this.#wake();
    await this.#following;
    await this.#deps.model.close();
  }

  #lags(): boolean {
    return this.#published - this.#version.step > this.#config.maxLag;
  }

  /**
   * An error is kept for whoever waits; without anybody who lags it changes nothing, and the next look may go
   * well.
   */
  async #follow(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      await this.#deps.sleep(this.#config.checkMs, signal).catch(() => {});
      await this.#look();
    }
  }

  async #look(): Promise<void> {
    if (this.#over.signal.aborted) return;
    try {
      this.#published = Math.max(this.#published, await this.#deps.published(this.#over.signal));
      const newest = await this.#deps.newest();
      if (newest !== null && newest > this.#version.step) await this.#takeOver(newest);
      this.#failure = undefined;
    } catch (error) {
      this.#failure = error;
    }
    this.#wake();
  }

  async #takeOver(step: number): Promise<void> {
    const { weights, hash } = await this.#deps.read(step);
    this.#changing = true;
    try {
      while (this.#active > 0) await this.#change(this.#over.signal);
      await this.#deps.engine.setWeights(weights);
      this.#version = { step, hash };
      this.#deps.notify(`the policy is now that of update ${step}, ${hash.slice(0, hashDigits)}`);
    } finally {
      this.#changing = false;
    }
  }

  /** Resolves at the next change of state; rejects with the signal's reason. */
  #change(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting.push(() => {
        signal.removeEventListener('abort', abort);
        resolve();
      });
    });
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
