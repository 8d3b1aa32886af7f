/**
 * Sampling on WebGPU: up to `slots` samples at a time, each with its own stretch of the key-value cache. Every
 * step is one forward pass over the last token of each sample, and the prompts of those that start; a slot that
 * is free is filled at the next step. Logits come back, and tokens are drawn in float64.
 *
 * A sample does not depend on the others: kernels compute every row in the same order, whatever the batch is.
 */
import { setImmediate } from 'node:timers/promises';
import { Buffers, Readback } from '../../device/buffers.ts';
import { ModelError } from '../../errors.ts';
import { choose } from '../choose.ts';
import type { Sample, SampleRequest, Sampler } from '../engine.ts';
import { uniform } from '../random.ts';
import { checkTokens } from '../rows.ts';
import { type BatchInput, prepareBatch } from './batch.ts';
import type { DevicePolicy } from './device-policy.ts';
import { bodyForward } from './forward.ts';
import type { BatchSizes, Dispatch } from './kernels.ts';
import { ForwardOperations } from './operations.ts';
import { capacityFor, Plan } from './plan.ts';

interface Job {
  readonly request: SampleRequest;
  readonly resolve: (sample: Sample) => void;
  readonly reject: (reason: unknown) => void;
  readonly sample: Sample;
}

interface ActiveJob extends Job {
  readonly slot: number;
  /** Tokens in the cache. */
  cached: number;
}

/** For each tile of the head: what leads to its logits. The first has the body of the decoder before it. */
interface Passes {
  readonly plan: Plan;
  readonly tiles: readonly (readonly Dispatch[])[];
}

export interface SamplerOptions {
  readonly slots: number;
  /** Bounds context plus completion, in tokens. */
  readonly maxLength: number;
  readonly logitBytes: number;
}

export class WebgpuSampler implements Sampler {
  readonly #policy: DevicePolicy;
  readonly #maxLength: number;
  readonly #logitBytes: number;
  readonly #cache: Buffers<string>;
  readonly #readback: Readback;
  readonly #onClose: () => void;
  readonly #freeSlots: number[];
  readonly #waiting: Job[] = [];
  #active: ActiveJob[] = [];
  #passes: Passes | undefined;
  #running = false;
  #closed = false;
  #holds = 0;
  #idle: (() => void)[] = [];

  constructor(policy: DevicePolicy, options: SamplerOptions, onClose: () => void) {
    const { config, shape, device } = policy;
    this.#policy = policy;
    this.#onClose = onClose;
    this.#logitBytes = options.logitBytes;
    this.#maxLength = Math.min(options.maxLength, config.maxPositions);
    this.#freeSlots = Array.from({ length: options.slots }, (_, slot) => slot);
    const bytes = 4 * options.slots * this.#maxLength * shape.kvSize;
    const layers = Array.from({ length: config.layers }, (_, layer) => layer);
    this.#cache = new Buffers(
      device,
      'cache',
      new Map(
        layers.flatMap((layer) => [`keys.${layer}`, `values.${layer}`].map((name) => [name, bytes] as const)),
      ),
    );
    this.#readback = new Readback(device);
  }

  async sample(request: SampleRequest): Promise<Sample> {
    if (this.#closed) throw new ModelError('the sampler is closed');
    if (request.prompt.length === 0) throw new RangeError('expected a prompt of at least one token');
    if (request.prompt.length >= this.#maxLength) {
      throw new ModelError(
        `expected a context shorter than ${this.#maxLength} tokens, found ${request.prompt.length}`,
      );
    }
    checkTokens(request.prompt, this.#policy.config);
    request.signal?.throwIfAborted();
    return new Promise<Sample>((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject, sample: { tokens: [], logprobs: [] } });
      this.#start();
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#failAll(new ModelError('the sampler was closed before the sample was finished'));
    if (!this.#running) this.#destroy();
  }

  /** Starts no more samples, and waits until those under way are done. Each call needs a `release`. */
  async hold(): Promise<void> {
    this.#holds += 1;
    if (this.#active.length > 0 || this.#running) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
  }

  release(): void {
    this.#holds -= 1;
    this.#start();
  }

  #start(): void {
    if (this.#running || this.#holds > 0 || this.#waiting.length === 0 || this.#closed) return;
    this.#running = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    try {
      // Requests of the same moment start in one step.
      await setImmediate();
      for (;;) {
        this.#dropAborted();
        if (this.#holds === 0) this.#fillSlots();
        if (this.#active.length === 0) break;
        await this.#step();
        await setImmediate(); // Let timers, stages and signals run between steps.
      }
    } catch (error) {
      this.#failAll(error);
    } finally {
      this.#running = false;
      for (const resolve of this.#idle.splice(0)) resolve();
      if (this.#closed) this.#destroy();
      else this.#start();
    }
  }

  #fillSlots(): void {
    while (this.#waiting.length > 0 && this.#freeSlots.length > 0) {
      const job = this.#waiting.shift() as Job;
      this.#active.push({ ...job, slot: this.#freeSlots.shift() as number, cached: 0 });
    }
  }

  /** Feeds what each sample has not fed yet, and draws its next token. */
  async #step(): Promise<void> {
    const jobs = this.#active;
    const prepared = prepareBatch(this.#batchOf(jobs), this.#policy.shape, { backward: false });
    const { plan, tiles } = this.#passesFor(prepared.sizes);
    plan.write(prepared);
    const work = { kind: 'sample', amount: prepared.sizes.tokens };
    const rows = jobs.map(() => new Float64Array(this.#policy.config.vocabSize));
    for (const [n, tile] of plan.tiles.entries()) {
      this.#policy.run(tiles[n], prepared.sizes);
      const bytes = 4 * jobs.length * tile.stride;
      const logits = new Float32Array(await this.#readback.read(plan.get('logits'), { bytes, work }));
      for (const [m, row] of rows.entries()) {
        row.set(logits.subarray(m * tile.stride, m * tile.stride + tile.columns), tile.first);
      }
    }
    if (this.#closed) return;
    for (const [m, job] of jobs.entries()) this.#draw(job, rows[m]);
    this.#active = jobs.filter((job) => !this.#finish(job));
  }

  /** The tokens that are not in the cache yet: a prompt, or the last token drawn. */
  #batchOf(jobs: readonly ActiveJob[]): BatchInput {
    const tokens: number[] = [];
    const positions: number[] = [];
    const rows: number[] = [];
    const targets: number[] = [];
    for (const job of jobs) {
      const fresh = job.cached === 0 ? job.request.prompt : job.sample.tokens.slice(-1);
      for (const [i, token] of fresh.entries()) {
        tokens.push(token);
        positions.push(job.cached + i);
        rows.push(job.slot * this.#maxLength + job.cached + i);
      }
      // The head takes the row before a target.
      targets.push(tokens.length);
      job.cached += fresh.length;
    }
    return {
      tokens: Int32Array.from(tokens),
      positions: Int32Array.from(positions),
      rows: Int32Array.from(rows),
      targets: Int32Array.from(targets),
    };
  }

  #draw({ request, sample }: ActiveJob, logits: Float64Array): void {
    const cap = this.#policy.config.logitCap;
    if (cap !== null) for (const [id, x] of logits.entries()) logits[id] = cap * Math.tanh(x / cap);
    const choice = choose(logits, request, uniform(request.seed, sample.tokens.length));
    sample.tokens.push(choice.token);
    sample.logprobs.push(choice.logprob);
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
    for (const job of [...this.#waiting, ...this.#active].filter(aborted)) {
      job.reject(job.request.signal?.reason);
    }
    this.#waiting.splice(0, this.#waiting.length, ...this.#waiting.filter((job) => !aborted(job)));
    for (const job of this.#active.filter(aborted)) this.#freeSlots.push(job.slot);
    this.#active = this.#active.filter((job) => !aborted(job));
  }

  #failAll(reason: unknown): void {
    for (const job of this.#active) this.#freeSlots.push(job.slot);
    for (const job of [...this.#waiting.splice(0), ...this.#active.splice(0)]) job.reject(reason);
  }

  #passesFor(sizes: BatchSizes): Passes {
    if (this.#passes?.plan.holds(sizes)) return this.#passes;
    const before = this.#passes?.plan.capacity;
    this.#passes?.plan.destroy();
    this.#passes = undefined;
    const capacity = capacityFor(sizes, before);
    const { config, device, shape, layout, kernels, turns, weights } = this.#policy;
    const plan = new Plan(device, {
      ...{ config, shape, capacity, training: false },
      logitBytes: this.#logitBytes,
    });
    const to = new ForwardOperations({ config, shape, layout, kernels, plan, turns, parameters: weights });
    const cache = Array.from({ length: config.layers }, (_, layer) => ({
      keys: this.#cache.get(`keys.${layer}`),
      values: this.#cache.get(`values.${layer}`),
    }));
    const body = bodyForward(to, cache);
    const tiles = plan.tiles.map((tile, n) => [...(n === 0 ? body : []), to.headLogits(tile)]);
    this.#passes = { plan, tiles };
    return this.#passes;
  }

  #destroy(): void {
    this.#passes?.plan.destroy();
    this.#passes = undefined;
    this.#cache.destroy();
    this.#readback.destroy();
    this.#onClose();
  }
}
