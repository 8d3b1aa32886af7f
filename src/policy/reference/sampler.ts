/**
 * Sampling on the float64 decoder: up to `slots` samples at a time, each with its own stretch of the key-value
 * caches. A sample's numbers do not depend on the others, because every row is computed in the same order.
 */
import { setImmediate } from 'node:timers/promises';
import { ModelError } from '../../errors.ts';
import { choose } from '../choose.ts';
import type { DecoderConfig } from '../config.ts';
import type { Sample, SampleRequest, Sampler } from '../engine.ts';
import { uniform } from '../random.ts';
import { checkTokens } from '../rows.ts';
import type { LayerCache, Weights } from './decoder.ts';
import { decoderForward, tensor } from './decoder.ts';
import { logits } from './head.ts';

interface Job {
  readonly request: SampleRequest;
  readonly resolve: (sample: Sample) => void;
  readonly reject: (reason: unknown) => void;
  readonly sample: Sample;
}

/** A job in a slot, with the weights as they were when it started. */
interface ActiveJob extends Job {
  readonly weights: Weights;
  readonly slot: number;
}

export interface ReferenceSamplerOptions {
  readonly slots: number;
  /** Bounds context plus completion, in tokens. */
  readonly maxLength: number;
}

export class ReferenceSampler implements Sampler {
  readonly #config: DecoderConfig;
  readonly #currentWeights: () => Weights;
  readonly #maxLength: number;
  readonly #caches: readonly LayerCache[];
  readonly #freeSlots: number[];
  readonly #waiting: Job[] = [];
  #active: ActiveJob[] = [];
  #running = false;
  #closed = false;

  constructor(config: DecoderConfig, currentWeights: () => Weights, options: ReferenceSamplerOptions) {
    this.#config = config;
    this.#currentWeights = currentWeights;
    this.#maxLength = Math.min(options.maxLength, config.maxPositions);
    this.#freeSlots = Array.from({ length: options.slots }, (_, slot) => slot);
    const size = options.slots * this.#maxLength * config.keyValueHeads * config.headSize;
    this.#caches = Array.from({ length: config.layers }, () => ({
      keys: new Float64Array(size),
      values: new Float64Array(size),
    }));
  }

  async sample(request: SampleRequest): Promise<Sample> {
    if (this.#closed) throw new ModelError('the sampler is closed');
    if (request.prompt.length === 0) throw new RangeError('expected a prompt of at least one token');
    if (request.prompt.length >= this.#maxLength) {
      throw new ModelError(
        `expected a context shorter than ${this.#maxLength} tokens, found ${request.prompt.length}`,
      );
    }
    checkTokens(request.prompt, this.#config);
    request.signal?.throwIfAborted();
    return new Promise<Sample>((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject, sample: { tokens: [], logprobs: [] } });
      if (!this.#running) void this.#run();
    });
  }

  close(): void {
    this.#closed = true;
    for (const job of [...this.#waiting.splice(0), ...this.#active.splice(0)]) {
      job.reject(new ModelError('the sampler was closed before the sample was finished'));
    }
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (this.#waiting.length > 0 || this.#active.length > 0) {
        this.#dropAborted();
        const started = this.#start();
        for (const job of started) this.#step([job], job.request.prompt);
        for (const jobs of byWeights(this.#active.filter((job) => !started.includes(job)))) {
          const fed = jobs.map((job) => job.sample.tokens[job.sample.tokens.length - 1]);
          this.#step(jobs, fed);
        }
        this.#active = this.#active.filter((job) => !this.#finish(job));
        await setImmediate(); // Let timers, stages and signals run between steps.
      }
    } catch (error) {
      for (const job of [...this.#waiting.splice(0), ...this.#active.splice(0)]) job.reject(error);
    } finally {
      this.#running = false;
    }
  }

  #start(): ActiveJob[] {
    const started: ActiveJob[] = [];
    while (this.#waiting.length > 0 && this.#freeSlots.length > 0) {
      const job = this.#waiting.shift() as Job;
      const slot = this.#freeSlots.shift() as number;
      started.push({ ...job, slot, weights: this.#currentWeights() });
    }
    this.#active.push(...started);
    return started;
  }

  /** Feeds tokens (one job's prompt, or the last token of each job) and draws each job's next token. */
  #step(jobs: readonly ActiveJob[], fed: readonly number[]): void {
    const prompt = jobs.length === 1 && jobs[0].sample.tokens.length === 0;
    const owner = (n: number) => jobs[prompt ? 0 : n];
    const batch = {
      tokens: Int32Array.from(fed),
      positions: Int32Array.from(fed, (_, n) =>
        prompt ? n : owner(n).request.prompt.length + owner(n).sample.tokens.length - 1,
      ),
      bases: Int32Array.from(fed, (_, n) => owner(n).slot * this.#maxLength),
    };
    const { weights } = jobs[0];
    const { hidden } = decoderForward(weights, this.#config, batch, this.#caches);
    const last = hidden.subarray(hidden.length - jobs.length * this.#config.hiddenSize);
    const embedding = tensor(weights, 'model.embed_tokens.weight');
    const scores = logits(last, embedding, jobs.length, this.#config.logitCap);
    const vocabulary = this.#config.vocabSize;
    for (const [row, { request, sample }] of jobs.entries()) {
      const u = uniform(request.seed, sample.tokens.length);
      const choice = choose(scores.subarray(row * vocabulary, (row + 1) * vocabulary), request, u);
      sample.tokens.push(choice.token);
      sample.logprobs.push(choice.logprob);
    }
  }

  #finish(job: ActiveJob): boolean {
    const { request, sample } = job;
    const length = sample.tokens.length;
    const finished =
      request.stopTokens.includes(sample.tokens[length - 1]) ||
      length >= request.maxTokens ||
      request.prompt.length + length >= this.#maxLength;
    if (finished) {
      this.#freeSlots.push(job.slot);
      job.resolve(sample);
    }
    return finished;
  }

  #dropAborted(): void {
    const aborted = (job: Job) => job.request.signal?.aborted === true;
    for (const job of [...this.#waiting, ...this.#active].filter(aborted))
      job.reject(job.request.signal?.reason);
    this.#waiting.splice(0, this.#waiting.length, ...this.#waiting.filter((job) => !aborted(job)));
    for (const job of this.#active.filter(aborted)) this.#freeSlots.push(job.slot);
    this.#active = this.#active.filter((job) => !aborted(job));
  }
}

/** Jobs by the version of the weights they run on: more than one only while an update overlaps samples. */
function byWeights(jobs: readonly ActiveJob[]): ActiveJob[][] {
  const versions = [...new Set(jobs.map((job) => job.weights))];
  return versions.map((weights) => jobs.filter((job) => job.weights === weights));
}
