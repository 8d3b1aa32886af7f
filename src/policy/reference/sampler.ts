/**
 * Sampling on the float64 decoder: up to `slots` samples at a time, each with its own stretch of the key-value
 * caches. A sample's numbers do not depend on the others, because every row is computed in the same order.
 */
import { setImmediate } from 'node:timers/promises';
import { ModelError } from '../../errors.ts';
import type { DecoderConfig } from '../config.ts';
import type { Sample, SampleRequest, Sampler } from '../engine.ts';
import { type ActiveSample, SampleSlots } from '../sample-slots.ts';
import type { LayerCache, Weights } from './decoder.ts';
import { decoderForward, tensor } from './decoder.ts';
import { logits } from './head.ts';

/** A sample under way, on the weights as they were when it started. */
type Job = ActiveSample<Weights>;

export interface ReferenceSamplerOptions {
  readonly slots: number;
  /** Bounds context plus completion, in tokens. */
  readonly maxLength: number;
}

export class ReferenceSampler implements Sampler {
  readonly #config: DecoderConfig;
  readonly #slots: SampleSlots<Weights>;
  readonly #caches: readonly LayerCache[];
  #running = false;
  #closed = false;

  constructor(config: DecoderConfig, currentWeights: () => Weights, options: ReferenceSamplerOptions) {
    this.#config = config;
    this.#slots = new SampleSlots(config, options, currentWeights);
    const size = options.slots * this.#slots.maxLength * config.keyValueHeads * config.headSize;
    this.#caches = Array.from({ length: config.layers }, () => ({
      ring: this.#slots.maxLength,
      keys: new Float64Array(size),
      values: new Float64Array(size),
    }));
  }

  async sample(request: SampleRequest): Promise<Sample> {
    if (this.#closed) throw new ModelError('the sampler is closed');
    return this.#slots.enter(request, () => {
      if (!this.#running) void this.#run();
    });
  }

  close(): void {
    this.#closed = true;
    this.#slots.failAll(new ModelError('the sampler was closed before the sample was finished'));
  }

  async #run(): Promise<void> {
    this.#running = true;
    const slots = this.#slots;
    try {
      while (slots.waiting > 0 || slots.active.length > 0) {
        slots.dropAborted();
        const started = slots.fill();
        for (const job of started) this.#step([job], job.request.prompt);
        for (const jobs of byWeights(slots.active.filter((job) => !started.includes(job)))) {
          const fed = jobs.map((job) => job.sample.tokens[job.sample.tokens.length - 1]);
          this.#step(jobs, fed);
        }
        slots.settle();
        await setImmediate(); // Let timers, stages and signals run between steps.
      }
    } catch (error) {
      slots.failAll(error);
    } finally {
      this.#running = false;
    }
  }

  /** Feeds tokens (one job's prompt, or the last token of each job) and draws each job's next token. */
  #step(jobs: readonly Job[], fed: readonly number[]): void {
    const prompt = jobs.length === 1 && jobs[0].sample.tokens.length === 0;
    const owner = (n: number) => jobs[prompt ? 0 : n];
    const batch = {
      tokens: Int32Array.from(fed),
      positions: Int32Array.from(fed, (_, n) =>
        prompt ? n : owner(n).request.prompt.length + owner(n).sample.tokens.length - 1,
      ),
      bases: Int32Array.from(fed, (_, n) => owner(n).slot),
    };
    const { state: weights } = jobs[0];
    const { hidden } = decoderForward(weights, this.#config, batch, this.#caches);
    const last = hidden.subarray(hidden.length - jobs.length * this.#config.hiddenSize);
    const embedding = tensor(weights, 'model.embed_tokens.weight');
    const scores = logits(last, embedding, jobs.length, this.#config.logitCap);
    const vocabulary = this.#config.vocabSize;
    for (const [row, job] of jobs.entries()) {
      this.#slots.draw(job, scores.subarray(row * vocabulary, (row + 1) * vocabulary));
    }
  }
}

/** Jobs by the version of the weights they run on: more than one only while an update overlaps samples. */
function byWeights(jobs: readonly Job[]): Job[][] {
  const versions = [...new Set(jobs.map((job) => job.state))];
  return versions.map((weights) => jobs.filter((job) => job.state === weights));
}
