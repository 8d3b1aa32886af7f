import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { SampleRequest } from '../../../src/engine/engine.ts';
import { gemma2Decoder } from '../../../src/engine/families.ts';
import { SampleSlots } from '../../../src/engine/sampling/sample-slots.ts';
import { samplerLimits } from '../../../src/engine/sampling/sampler-limits.ts';
import { ConfigError, ModelError } from '../../../src/errors.ts';

const config = gemma2Decoder({
  ...{
    vocabSize: 10,
    hiddenSize: 4,
    intermediateSize: 4,
    layers: 2,
    heads: 1,
    keyValueHeads: 1,
    headSize: 4,
  },
  ...{ maxPositions: 100, window: 8 },
});

/** Prompts that are others' beginnings, but for those that `from` sets apart. */
const request = (length: number, maxTokens: number, from = 0): SampleRequest => ({
  ...{
    prompt: Array.from({ length }, (_, i) => (from + i) % 10),
    maxTokens,
    temperature: 1,
    topP: 1,
    topK: 0,
  },
  ...{ stopTokens: [], seed: BigInt(length) },
});

describe('samplerLimits', () => {
  test('defaults, and what fits together', () => {
    const limits = (options: object) => samplerLimits(config, { slots: 4, maxLength: 50, ...options });
    expect(limits({})).toEqual({ slots: 4, maxLength: 50, chunk: 50, stepTokens: 1024, reuse: true });
    expect(limits({ maxLength: 1000 })).toMatchObject({ maxLength: 100, chunk: 100 });
    // A step has room for a token of every slot, and a chunk for no more than a step.
    expect(limits({ stepTokens: 2, chunk: 9 })).toMatchObject({ stepTokens: 4, chunk: 4 });
  });

  test('a limit that is none is refused by name', () => {
    for (const chunk of [0, 1.5, Number.NaN]) {
      const open = () => samplerLimits(config, { slots: 1, maxLength: 10, chunk });
      expect(open).toThrow(ConfigError);
      expect(open).toThrow(/chunk to be a whole number from 1, found/);
    }
  });
});

describe('SampleSlots', () => {
  test('every token is fed once and in order, no step is too large, and none is idle', async () => {
    const setting = fc.record({
      slots: fc.integer({ min: 1, max: 4 }),
      chunk: fc.integer({ min: 1, max: 9 }),
      stepTokens: fc.integer({ min: 1, max: 12 }),
      reuse: fc.boolean(),
    });
    const asked = fc.array(fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 5 })), {
      minLength: 1,
      maxLength: 10,
    });
    await fc.assert(
      fc.asyncProperty(setting, asked, async (options, requests) => {
        const slots = new SampleSlots(config, { maxLength: 40, ...options }, () => 'w');
        const samples = requests.map(([length, most]) => slots.enter(request(length, most), () => {}));
        const held = new Map<number, number[]>();
        while (slots.waiting > 0 || slots.active > 0) {
          slots.fill();
          expect(slots.active).toBe(Math.min(options.slots, slots.active + slots.waiting));
          const { copies, feeds } = slots.step();
          for (const { from, to, count } of copies) {
            expect(options.reuse).toBe(true);
            expect(held.get(from)?.length).toBeGreaterThanOrEqual(count);
            held.set(to, held.get(from)?.slice(0, count) ?? []);
          }
          const { chunk, stepTokens } = slots.limits;
          expect(feeds.length).toBeGreaterThan(0);
          expect(feeds.reduce((sum, { tokens }) => sum + tokens.length, 0)).toBeLessThanOrEqual(stepTokens);
          for (const { job, position, tokens, draws } of feeds) {
            expect(tokens.length).toBeGreaterThan(0);
            expect(tokens.length).toBeLessThanOrEqual(chunk);
            const cache = (held.get(job.slot) ?? []).slice(0, position);
            cache.push(...tokens);
            held.set(job.slot, cache);
            const known = [...job.request.prompt, ...job.sample.tokens];
            expect(cache).toEqual(known.slice(0, position + tokens.length));
            expect(draws).toBe(position + tokens.length === known.length);
          }
          for (const { job, draws } of feeds) if (draws) slots.draw(job, new Float64Array(10));
          slots.settle();
        }
        for (const [i, { tokens }] of (await Promise.all(samples)).entries()) {
          expect(tokens).toHaveLength(Math.min(requests[i][1], 40 - requests[i][0]));
        }
      }),
      { numRuns: 100 },
    );
  });

  test('samples that run go on in every step, while prompts wait for room', () => {
    const slots = new SampleSlots(config, { slots: 3, maxLength: 90, chunk: 40, stepTokens: 40 }, () => 'w');
    for (const [from, length] of [1, 70, 30].entries()) void slots.enter(request(length, 9, from), () => {});
    const sizes = () => {
      slots.fill();
      const { feeds } = slots.step();
      for (const { job, draws } of feeds) if (draws) slots.draw(job, new Float64Array(10));
      return feeds.map(({ tokens }) => tokens.length);
    };
    expect([sizes(), sizes(), sizes(), sizes()]).toEqual([
      [1, 39],
      [1, 31, 8],
      [1, 1, 22],
      [1, 1, 1],
    ]);
  });

  test('prompts that begin alike are fed once, also to those that come later', async () => {
    // The window of 8 and chunks of 10 keep 18 positions: one that comes later still finds what it looks back to.
    const slots = new SampleSlots(config, { slots: 4, maxLength: 90, chunk: 10 }, () => 'w');
    const fed: number[] = [];
    const step = () => {
      slots.fill();
      const { copies, feeds } = slots.step();
      for (const { tokens } of feeds) fed.push(tokens.length);
      for (const { job, draws } of feeds) if (draws) slots.draw(job, new Float64Array(10));
      slots.settle();
      return copies;
    };
    for (let rollout = 0; rollout < 3; rollout++) void slots.enter(request(40, 3), () => {});
    const copied = [step(), step(), step(), step(), step()];
    expect(copied.slice(0, 4)).toEqual([[], [], [], []]);
    expect(copied[4]).toEqual([1, 2].map((to) => ({ from: 0, to, count: 39 })));
    void slots.enter(request(40, 3), () => {});
    expect(step()).toEqual([{ from: 0, to: 3, count: 39 }]);
    expect(slots.statistics).toMatchObject({ promptTokens: 160, reusedTokens: 0, copiedTokens: 3 * 39 });
  });

  test('a request that cannot be is refused', () => {
    const slots = new SampleSlots(config, { slots: 1, maxLength: 20 }, () => 'w');
    expect(() => slots.enter(request(0, 1), () => {})).toThrow(RangeError);
    expect(() => slots.enter(request(20, 1), () => {})).toThrow(ModelError);
    expect(() => slots.enter({ ...request(1, 1), prompt: [10] }, () => {})).toThrow(/found 10/);
  });
});
