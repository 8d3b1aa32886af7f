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
import type { Sample, SampleRequest, Sampler } from '../engine.ts';
import { type ActiveSample, SampleSlots } from '../sample-slots.ts';
import { type BatchInput, prepareBatch } from './batch.ts';
import type { DevicePolicy } from './device-policy.ts';
import { bodyForward } from './forward.ts';
import type { BatchSizes, Dispatch } from './kernels.ts';
import { ForwardOperations } from './operations.ts';
import { capacityFor, Plan } from './plan.ts';

/** A sample under way; `cached` counts its tokens in the cache. */
type Job = ActiveSample<{ cached: number }>;

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
  readonly #slots: SampleSlots<{ cached: number }>;
  readonly #logitBytes: number;
  readonly #cache: Buffers<string>;
  readonly #readback: Readback;
  readonly #onClose: () => void;
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
    this.#slots = new SampleSlots(config, options, () => ({ cached: 0 }));
    const bytes = 4 * options.slots * this.#slots.maxLength * shape.kvSize;
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
    return this.#slots.enter(request, () => this.#start());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#slots.failAll(new ModelError('the sampler was closed before the sample was finished'));
    if (!this.#running) this.#destroy();
  }

  /** Starts no more samples, and waits until those under way are done. Each call needs a `release`. */
  async hold(): Promise<void> {
    this.#holds += 1;
    if (this.#slots.active.length > 0 || this.#running) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
  }

  release(): void {
    this.#holds -= 1;
    this.#start();
  }

  #start(): void {
    if (this.#running || this.#holds > 0 || this.#slots.waiting === 0 || this.#closed) return;
    this.#running = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    try {
      // Requests of the same moment start in one step.
      await setImmediate();
      for (;;) {
        this.#slots.dropAborted();
        if (this.#holds === 0) this.#slots.fill();
        if (this.#slots.active.length === 0) break;
        await this.#step();
        await setImmediate(); // Let timers, stages and signals run between steps.
      }
    } catch (error) {
      this.#slots.failAll(error);
    } finally {
      this.#running = false;
      for (const resolve of this.#idle.splice(0)) resolve();
      if (this.#closed) this.#destroy();
      else this.#start();
    }
  }

  /** Feeds what each sample has not fed yet, and draws its next token. */
  async #step(): Promise<void> {
    const jobs = this.#slots.active;
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
    const cap = this.#policy.config.logitCap;
    for (const [m, job] of jobs.entries()) {
      if (cap !== null) for (const [id, x] of rows[m].entries()) rows[m][id] = cap * Math.tanh(x / cap);
      this.#slots.draw(job, rows[m]);
    }
    this.#slots.settle();
  }

  /** The tokens that are not in the cache yet: a prompt, or the last token drawn. */
  #batchOf(jobs: readonly Job[]): BatchInput {
    const tokens: number[] = [];
    const positions: number[] = [];
    const bases: number[] = [];
    const targets: number[] = [];
    for (const job of jobs) {
      const fresh = job.state.cached === 0 ? job.request.prompt : job.sample.tokens.slice(-1);
      for (const [i, token] of fresh.entries()) {
        tokens.push(token);
        positions.push(job.state.cached + i);
        bases.push(job.slot);
      }
      // The head takes the row before a target.
      targets.push(tokens.length);
      job.state.cached += fresh.length;
    }
    return {
      tokens: Int32Array.from(tokens),
      positions: Int32Array.from(positions),
      bases: Int32Array.from(bases),
      targets: Int32Array.from(targets),
    };
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
      ring: this.#slots.maxLength,
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
