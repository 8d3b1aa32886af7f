/**
 * Sampling on WebGPU: up to `slots` samples at a time, each with its own stretch of the key-value cache.
 * Every step is one forward pass over the last token of each sample, and chunks of the prompts of those that
 * start; a slot that is free is filled at the next step. Tokens are drawn on the device (kernels/draw.wgsl), and
 * what comes back is a token and its logprob for each sample.
 *
 * A sample does not depend on the others: kernels compute every row in the same order, whatever the batch is.
 */
import { setImmediate } from 'node:timers/promises';
import { Buffers, Readback } from '../../device/buffers.ts';
import { ModelError } from '../../errors.ts';
import type { Sample, SampleRequest, Sampler, SamplerOptions, SamplerStatistics } from '../engine.ts';
import { type CacheCopy, cacheRows } from '../sampling/cache-slots.ts';
import { checkTotal } from '../sampling/choose.ts';
import { type Feed, SampleSlots } from '../sampling/sample-slots.ts';
import type { DevicePolicy } from './device-policy.ts';
import type { Dispatch } from './kernels.ts';
import type { BatchSizes } from './memory/batch.ts';
import { type BatchInput, prepareBatch, prepareDraws } from './memory/batch.ts';
import { capacityFor, Plan, wholeRows } from './memory/plan.ts';
import { bodyForward, headSampling } from './passes/forward.ts';
import { ForwardOperations } from './passes/operations.ts';

interface Passes {
  readonly plan: Plan;
  /** From tokens fed to tokens drawn. */
  readonly whole: readonly Dispatch[];
  /** Of it what draws: for targets beyond those that fit at once. */
  readonly head: readonly Dispatch[];
}

export interface WebgpuSamplerDeps {
  /** Most bytes of the logits that tokens are drawn from at once. */
  readonly logitBytes: number;
  readonly onClose: () => void;
}

export class WebgpuSampler implements Sampler {
  readonly #policy: DevicePolicy;
  /** The weights' version is how often they may have changed. */
  readonly #slots: SampleSlots<number>;
  readonly #logitBytes: number;
  /** Most samples that a token is drawn for at once. */
  readonly #mostDrawn: number;
  readonly #cache: Buffers<string>;
  readonly #readback: Readback;
  readonly #onClose: () => void;
  /** How many rows of each layer's cache a slot has. */
  readonly #rings: readonly number[];
  #passes: Passes | undefined;
  #running = false;
  #closed = false;
  #holds = 0;
  #version = 0;
  #idle: (() => void)[] = [];

  constructor(policy: DevicePolicy, options: SamplerOptions, deps: WebgpuSamplerDeps) {
    const { config, shape, device } = policy;
    this.#policy = policy;
    this.#onClose = deps.onClose;
    this.#logitBytes = deps.logitBytes;
    this.#slots = new SampleSlots(config, options, () => this.#version);
    const { limits } = this.#slots;
    const bytes = Math.min(device.adapter.largestBinding, deps.logitBytes);
    this.#mostDrawn = Math.min(limits.slots, wholeRows(config, bytes));
    this.#rings = config.windows.map((_, layer) => cacheRows(config, layer, limits));
    const sizes = this.#rings.flatMap((ring, layer) => {
      const bytes = 4 * limits.slots * ring * shape.kvSize;
      return [`keys.${layer}`, `values.${layer}`].map((name) => [name, bytes] as const);
    });
    const copied = 4 * Math.max(...this.#rings) * shape.kvSize;
    this.#cache = new Buffers(device, 'cache', new Map([...sizes, ['copied', copied]]));
    this.#readback = new Readback(device);
  }

  get statistics(): SamplerStatistics {
    return this.#slots.statistics;
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

  /**
   * Starts no more samples, and waits until those under way are done, so that weights may change. Each call
   * needs a `release`.
   */
  async hold(): Promise<void> {
    this.#holds += 1;
    if (this.#slots.active > 0 || this.#running) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
  }

  /** Goes on; what the cache holds was computed with other weights. */
  release(): void {
    this.#version += 1;
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
        if (this.#slots.active === 0) break;
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

  /** Feeds what each sample is to be fed, and draws the next token of those that reached their end. */
  async #step(): Promise<void> {
    const { copies, feeds } = this.#slots.step();
    if (copies.length > 0) this.#copy(copies);
    const { shape, device } = this.#policy;
    const batch = batchOf(feeds);
    const drawing = feeds.filter(({ draws }) => draws);
    // Nearly always there is one part.
    for (let from = 0; from === 0 || from < drawing.length; from += this.#mostDrawn) {
      const some = drawing.slice(from, from + this.#mostDrawn);
      const part = partOf(batch, from, from + some.length);
      const prepared = prepareBatch(part, shape, { backward: false });
      const { plan, whole, head } = this.#passesFor(prepared.sizes);
      plan.write(prepared);
      const list = from === 0 ? whole : head;
      const work = {
        kind: from === 0 ? 'sample' : 'sample, head',
        amount: part.tokens.length || some.length,
      };
      if (some.length === 0) {
        this.#policy.run(list, prepared.sizes);
        await device.untilWorked(work, () => device.gpu.queue.onSubmittedWorkDone());
        return;
      }
      const draws = some.map(({ job: { request, sample } }) => ({
        ...request,
        position: sample.tokens.length,
      }));
      device.gpu.queue.writeBuffer(plan.get('wanted'), 0, prepareDraws(draws));
      const drawn = await this.#readback.read(plan.get('drawn'), {
        ...{ bytes: 16 * some.length, work },
        submit: (copy) => this.#policy.run(list, prepared.sizes, copy),
      });
      if (this.#closed) return;
      this.#take(some, new Float32Array(drawn));
    }
    this.#slots.settle();
  }

  #take(drawing: readonly Feed<number>[], drawn: Float32Array): void {
    for (const [m, { job }] of drawing.entries()) {
      const [token, logprob, total] = drawn.subarray(4 * m);
      checkTotal(total > 0 ? total : Number.NaN);
      this.#slots.take(job, { token, logprob: job.request.temperature === 0 ? 0 : logprob });
    }
  }

  /**
   * Slots' first positions to other slots, in order; of a layer with a window the whole ring. By way of another
   * buffer, as WebGPU copies nothing within one.
   */
  #copy(copies: readonly CacheCopy[]): void {
    const { device, config, shape } = this.#policy;
    const row = 4 * shape.kvSize;
    const between = this.#cache.get('copied');
    const encoder = device.gpu.createCommandEncoder();
    for (const { from, to, count } of copies) {
      for (const [layer, ring] of this.#rings.entries()) {
        const bytes = row * (config.windows[layer] === null ? count : ring);
        for (const name of ['keys', 'values']) {
          const cache = this.#cache.get(`${name}.${layer}`);
          encoder.copyBufferToBuffer(cache, row * ring * from, between, 0, bytes);
          encoder.copyBufferToBuffer(between, 0, cache, row * ring * to, bytes);
        }
      }
    }
    device.gpu.queue.submit([encoder.finish()]);
  }

  #passesFor(sizes: BatchSizes): Passes {
    if (this.#passes?.plan.holds(sizes)) return this.#passes;
    const before = this.#passes?.plan.capacity;
    this.#passes?.plan.destroy();
    this.#passes = undefined;
    const most = { tokens: this.#slots.limits.stepTokens, targets: this.#mostDrawn };
    const capacity = capacityFor(sizes, before, most);
    const { config, device, shape, lora, weights } = this.#policy;
    const plan = new Plan(device, {
      ...{ config, shape, lora, capacity, kept: 'none', head: weights.slab('head') },
      logitBytes: this.#logitBytes,
    });
    const to = new ForwardOperations({ ...this.#policy.parts(), plan });
    const cache = this.#rings.map((ring, layer) => ({
      ring,
      keys: this.#cache.get(`keys.${layer}`),
      values: this.#cache.get(`values.${layer}`),
    }));
    const head = headSampling(to);
    this.#passes = { plan, whole: [...bodyForward(to, cache), ...head], head };
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

type Batch = Required<BatchInput>;

function batchOf(feeds: readonly Feed<number>[]): Batch {
  let [fed, drawn] = [0, 0];
  for (const { tokens, draws } of feeds) {
    fed += tokens.length;
    drawn += Number(draws);
  }
  const batch = {
    ...{ tokens: new Int32Array(fed), positions: new Int32Array(fed), bases: new Int32Array(fed) },
    ...{ targets: new Int32Array(drawn), temperatures: new Float64Array(drawn) },
  };
  let [n, m] = [0, 0];
  for (const { job, position, tokens, draws } of feeds) {
    for (let i = 0; i < tokens.length; i++, n++) {
      batch.tokens[n] = tokens[i];
      batch.positions[n] = position + i;
      batch.bases[n] = job.slot;
    }
    if (!draws) continue;
    // The head takes the row before a target.
    batch.targets[m] = n;
    batch.temperatures[m++] = job.request.temperature || 1;
  }
  return batch;
}

/** With some of the targets; those after the first need no tokens to be fed again. */
function partOf(batch: Batch, from: number, to: number): Batch {
  const fed = from === 0 ? batch.tokens.length : 0;
  return {
    ...{ tokens: batch.tokens.subarray(0, fed), positions: batch.positions.subarray(0, fed) },
    ...{ bases: batch.bases.subarray(0, fed), targets: batch.targets.subarray(from, to) },
    temperatures: batch.temperatures.subarray(from, to),
  };
}
