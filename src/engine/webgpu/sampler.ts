/**
 * Sampling on WebGPU: up to `slots` samples at a time, each with its own stretch of the key-value cache.
 * Every step is one forward pass over the last token of each sample, and chunks of the prompts of those that
 * start; a slot that is free is filled at the next step. Of a small vocabulary logits come back, of a large one what
 * its spans weigh and then the few that tokens are drawn from, in float64 (see ../sampling/narrow.ts).
 *
 * A sample does not depend on the others: kernels compute every row in the same order, whatever the batch is.
 */
import { setImmediate } from 'node:timers/promises';
import { Buffers, Readback, type ReadOptions } from '../../device/buffers.ts';
import type { Recorded } from '../../device/device.ts';
import { ModelError } from '../../errors.ts';
import type { Sample, SampleRequest, Sampler, SamplerOptions, SamplerStatistics } from '../engine.ts';
import { type CacheCopy, cacheRows } from '../sampling/cache-slots.ts';
import { narrow, type SpanNumber } from '../sampling/narrow.ts';
import { type Feed, SampleSlots } from '../sampling/sample-slots.ts';
import type { DevicePolicy } from './device-policy.ts';
import type { Dispatch } from './kernels.ts';
import type { BatchSizes } from './memory/batch.ts';
import { type BatchInput, prepareBatch } from './memory/batch.ts';
import { capacityFor, Plan } from './memory/plan.ts';
import { bodyForward } from './passes/forward.ts';
import { ForwardOperations } from './passes/operations.ts';

/** For each tile of the head: what leads to its logits. The first has the body of the decoder before it. */
interface Passes {
  readonly plan: Plan;
  readonly tiles: readonly (readonly Dispatch[])[];
}

export interface WebgpuSamplerDeps {
  /** Most bytes of one tile of logits. */
  readonly logitBytes: number;
  /** The smallest vocabulary of which spans are read in place of rows. */
  readonly narrowFrom: number;
  readonly onClose: () => void;
}

export class WebgpuSampler implements Sampler {
  readonly #policy: DevicePolicy;
  /** The weights' version is how often they may have changed. */
  readonly #slots: SampleSlots<number>;
  readonly #logitBytes: number;
  readonly #narrowFrom: number;
  readonly #cache: Buffers<string>;
  readonly #readback: Readback;
  readonly #onClose: () => void;
  /** How many rows of each layer's cache a slot has. */
  readonly #rings: readonly number[];
  /** (V) The logits that are drawn from. */
  #row: Float64Array | undefined;
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
    this.#narrowFrom = deps.narrowFrom;
    this.#slots = new SampleSlots(config, options, () => this.#version);
    const { limits } = this.#slots;
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
    const drawing = feeds.filter(({ draws }) => draws);
    const prepared = prepareBatch(batchOf(feeds), this.#policy.shape, { backward: false });
    const { plan, tiles } = this.#passesFor(prepared.sizes);
    plan.write(prepared);
    const work = { kind: 'sample', amount: prepared.sizes.tokens };
    if (drawing.length === 0) {
      const { device } = this.#policy;
      this.#policy.run(tiles[0], prepared.sizes);
      await device.untilWorked(work, () => device.gpu.queue.onSubmittedWorkDone());
      return;
    }
    // What a pass leaves, or the one before it left.
    const read = async (name: string, bytes: number, pass: ReadOptions = {}) =>
      new Float32Array(await this.#readback.read(plan.get(name), { bytes, ...pass }));
    const run = (n: number) => ({
      // The first tile has the body of the decoder before it.
      work: n === 0 ? work : { kind: 'sample, head', amount: drawing.length },
      submit: (copy: Recorded) => this.#policy.run(tiles[n], prepared.sizes, copy),
    });
    const massBytes = 8 * drawing.length * plan.spans.length;
    if (plan.narrows && plan.tiles.length === 1) {
      await this.#narrow(drawing, plan, await read('spanMasses', massBytes, run(0)), []);
    } else {
      // Each tile takes the place of the one before.
      const logits: Float32Array[] = [];
      for (const [n, { stride }] of plan.tiles.entries())
        logits.push(await read('logits', 4 * drawing.length * stride, run(n)));
      if (plan.narrows) await this.#narrow(drawing, plan, await read('spanMasses', massBytes), logits);
      else this.#draw(drawing, plan, logits);
    }
  }

  /** Draws from all logits, tile by tile. */
  #draw(drawing: readonly Feed<number>[], { tiles }: Plan, logits: readonly Float32Array[]): void {
    if (this.#closed) return;
    const { vocabSize, logitCap: cap } = this.#policy.config;
    this.#row ??= new Float64Array(vocabSize);
    const row = this.#row;
    for (const [m, { job }] of drawing.entries()) {
      for (let n = 0; n < tiles.length; n++) {
        const { first, columns, stride } = tiles[n];
        const tile = logits[n];
        for (let i = 0; i < columns; i++) row[first + i] = tile[m * stride + i];
      }
      if (cap !== null) for (let id = 0; id < vocabSize; id++) row[id] = cap * Math.tanh(row[id] / cap);
      this.#slots.draw(job, row);
    }
    this.#slots.settle();
  }

  /** Draws from what spans of the vocabulary weigh. `tiles`: their logits, where they were read already. */
  async #narrow(
    drawing: readonly Feed<number>[],
    plan: Plan,
    spanMasses: Float32Array,
    tiles: readonly Float32Array[],
  ): Promise<void> {
    const { spans } = plan;
    const rows = drawing.map(({ job }, m) => {
      const masses = spanMasses.subarray(2 * m * spans.length, 2 * (m + 1) * spans.length);
      const { logitCap } = this.#policy.config;
      const steps = narrow({ spans, masses, logitCap, options: job.request, u: this.#slots.randomOf(job) });
      return { job, m, steps, next: steps.next([]) };
    });
    for (;;) {
      const wanted = rows.flatMap(({ m, next }) =>
        next.done ? [] : next.value.map((span) => ({ m, span })),
      );
      if (wanted.length === 0) break;
      const found = tiles.length > 0 ? fromTiles(plan, tiles, wanted) : await this.#spans(plan, wanted);
      let at = 0;
      for (const row of rows) {
        if (row.next.done) continue;
        const { length } = row.next.value;
        row.next = row.steps.next(found.slice(at, at + length));
        at += length;
      }
    }
    if (this.#closed) return;
    for (const { job, next } of rows) if (next.done) this.#slots.take(job, next.value);
    this.#slots.settle();
  }

  /** The logits of rows' spans, of the one tile that there is. */
  async #spans(plan: Plan, wanted: readonly WantedSpan[]): Promise<Float32Array[]> {
    const [{ stride }] = plan.tiles;
    const ranges: { offset: number; bytes: number }[] = [];
    for (const { m, span } of wanted) {
      const { first, columns } = plan.spans[span];
      const offset = 4 * (m * stride + first);
      const last = ranges.at(-1);
      if (last && last.offset + last.bytes === offset) last.bytes += 4 * columns;
      else ranges.push({ offset, bytes: 4 * columns });
    }
    const logits = new Float32Array(await this.#readback.readRanges(plan.get('logits'), ranges));
    let at = 0;
    return wanted.map(({ span }) => {
      const from = at;
      at += plan.spans[span].columns;
      return logits.subarray(from, at);
    });
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
    const { slots, stepTokens } = this.#slots.limits;
    const capacity = capacityFor(sizes, before, { tokens: stepTokens, targets: slots });
    const { config, device, shape, lora, weights } = this.#policy;
    const plan = new Plan(device, {
      ...{ config, shape, lora, capacity, kept: 'none', head: weights.slab('head') },
      logitBytes: this.#logitBytes,
      narrows: config.vocabSize >= this.#narrowFrom,
    });
    const to = new ForwardOperations({ ...this.#policy.parts(), plan });
    const cache = this.#rings.map((ring, layer) => ({
      ring,
      keys: this.#cache.get(`keys.${layer}`),
      values: this.#cache.get(`values.${layer}`),
    }));
    const body = bodyForward(to, cache);
    const tiles = plan.tiles.map((tile, n) => [
      ...(n === 0 ? body : []),
      to.headLogits(tile),
      ...(plan.narrows ? [to.spanMasses(tile)] : []),
    ]);
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

interface WantedSpan {
  /** The row. */
  readonly m: number;
  readonly span: SpanNumber;
}

/** The logits of rows' spans, out of tiles that were read whole. */
function fromTiles(
  { tiles, spans }: Plan,
  read: readonly Float32Array[],
  wanted: readonly WantedSpan[],
): Float32Array[] {
  return wanted.map(({ m, span }) => {
    const { first, columns } = spans[span];
    const tile = tiles.findIndex((each) => first >= each.first && first < each.first + each.columns);
    const at = m * tiles[tile].stride + first - tiles[tile].first;
    return read[tile].subarray(at, at + columns);
  });
}

function batchOf(feeds: readonly Feed<number>[]): BatchInput {
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
