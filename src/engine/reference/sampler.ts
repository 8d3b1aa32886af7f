/**
 * Sampling on the float64 decoder: up to `slots` samples at a time, each with its own stretch of the
 * key-value caches. A sample's numbers do not depend on the others, because every row is computed in the same
 * order.
 */
import { setImmediate } from 'node:timers/promises';
import { ModelError } from '../../errors.ts';
import { headName } from '../config.ts';
import type { Sample, SampleRequest, Sampler, SamplerOptions, SamplerStatistics } from '../engine.ts';
import { type CacheCopy, cacheRows } from '../sampling/cache-slots.ts';
import { type Feed, SampleSlots } from '../sampling/sample-slots.ts';
import type { LayerCache } from './decoder.ts';
import { decoderForward } from './decoder.ts';
import { logits } from './head.ts';
import { type AdaptedDecoder, tensor, type Weights } from './weights.ts';

export class ReferenceSampler implements Sampler {
  readonly #config: AdaptedDecoder;
  /** Each sample on the weights as they were when it started. */
  readonly #slots: SampleSlots<Weights>;
  readonly #caches: readonly LayerCache[];
  #running = false;
  #closed = false;

  constructor(config: AdaptedDecoder, currentWeights: () => Weights, options: SamplerOptions) {
    this.#config = config;
    this.#slots = new SampleSlots(config, options, currentWeights);
    const { limits } = this.#slots;
    this.#caches = config.windows.map((_, layer) => {
      const ring = cacheRows(config, layer, limits);
      const size = limits.slots * ring * config.keyValueHeads * config.headSize;
      return { ring, keys: new Float64Array(size), values: new Float64Array(size) };
    });
  }

  get statistics(): SamplerStatistics {
    return this.#slots.statistics;
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
      // Requests of the same moment start in one step.
      await setImmediate();
      while (slots.waiting > 0 || slots.active > 0) {
        slots.dropAborted();
        slots.fill();
        const { copies, feeds } = slots.step();
        for (const copy of copies) this.#copy(copy);
        for (const each of byWeights(feeds)) this.#step(each);
        slots.settle();
        await setImmediate(); // Let timers, stages and signals run between steps.
      }
    } catch (error) {
      slots.failAll(error);
    } finally {
      this.#running = false;
    }
  }

  /** A slot's first positions to another slot; of a layer with a window the whole ring. */
  #copy({ from, to, count }: CacheCopy): void {
    const { keyValueHeads, headSize, windows } = this.#config;
    const row = keyValueHeads * headSize;
    for (const [layer, { ring, keys, values }] of this.#caches.entries()) {
      const rows = windows[layer] === null ? count : ring;
      for (const kept of [keys, values])
        kept.copyWithin(to * ring * row, from * ring * row, (from * ring + rows) * row);
    }
  }

  /**
   * Feeds tokens of samples on the same weights, and draws the next token of those that reached their end.
   */
  #step(feeds: readonly Feed<Weights>[]): void {
    const { hiddenSize: c, vocabSize } = this.#config;
    const each = feeds.flatMap(({ job, position, tokens }) =>
      tokens.map((token, i) => ({ token, position: position + i, slot: job.slot })),
    );
    const batch = {
      tokens: Int32Array.from(each, ({ token }) => token),
      positions: Int32Array.from(each, ({ position }) => position),
      bases: Int32Array.from(each, ({ slot }) => slot),
    };
    const { version: weights } = feeds[0].job;
    const { hidden } = decoderForward(weights, this.#config, batch, this.#caches);
    const drawing = feeds.filter(({ draws }) => draws);
    const last = new Float64Array(drawing.length * c);
    let [end, row] = [0, 0];
    for (const { tokens, draws } of feeds) {
      end += tokens.length;
      if (draws) last.set(hidden.subarray((end - 1) * c, end * c), row++ * c);
    }
    const head = tensor(weights, headName(this.#config));
    const scores = logits(last, head, drawing.length, this.#config.logitCap);
    for (const [m, { job }] of drawing.entries()) {
      this.#slots.draw(job, scores.subarray(m * vocabSize, (m + 1) * vocabSize));
    }
  }
}

/** Feeds by the version of the weights they run on: more than one only while an update overlaps samples. */
function byWeights(feeds: readonly Feed<Weights>[]): Feed<Weights>[][] {
  const versions = [...new Set(feeds.map(({ job }) => job.version))];
  return versions.map((version) => feeds.filter(({ job }) => job.version === version));
}
