import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CacheSlots, cacheRows } from '../../../src/engine/sampling/cache-slots.ts';

const all = { windows: [null] };
const wide = { maxLength: 1000, chunk: 8, reuse: true };

test('rows of a layer: all of a slot, or window and chunk', () => {
  const config = { windows: [null, 16, 60, 90] };
  const rows = [0, 1, 2, 3].map((layer) => cacheRows(config, layer, { maxLength: 80, chunk: 10 }));
  expect(rows).toEqual([80, 26, 70, 80]);
});

describe('CacheSlots', () => {
  test('a prompt takes the slot that holds most of it, and its last token is fed in any case', () => {
    const slots = new CacheSlots(all, { ...wide, slots: 3 });
    const taken = slots.take([[1], [2], [3]], 'w');
    expect(taken).toEqual([0, 1, 2].map((slot) => ({ slot, reused: 0 })));
    slots.leave(2, [3, 4, 5], 'w');
    slots.leave(0, [1, 2, 3, 4], 'w');
    slots.leave(1, [1, 2, 9, 9], 'w');
    expect(slots.take([[1, 2, 3, 4]], 'w')).toEqual([{ slot: 0, reused: 3 }]);
    expect(slots.take([[1, 2, 9, 9, 7, 7]], 'w')).toEqual([{ slot: 1, reused: 4 }]);
    expect(slots.take([[8, 8]], 'w')).toEqual([{ slot: 2, reused: 0 }]);
    expect(slots.free).toBe(0);
  });

  test('of prompts that start together each gets its own slot, whoever asked first', () => {
    const slots = new CacheSlots(all, { ...wide, slots: 2 });
    slots.take([[1], [1]], 'w');
    slots.leave(0, [1, 1, 5, 5, 5], 'w');
    slots.leave(1, [1, 1, 6, 6, 6], 'w');
    const taken = slots.take(
      [
        [1, 1, 6, 6, 6, 0],
        [1, 1, 5, 5, 5, 0],
      ],
      'w',
    );
    expect(taken).toEqual([
      { slot: 1, reused: 5 },
      { slot: 0, reused: 5 },
    ]);
  });

  test('a short beginning in common is used, but takes no slot before one longer unused', () => {
    const slots = new CacheSlots(all, { ...wide, slots: 2 });
    slots.take([[1], [1]], 'w');
    slots.leave(1, [7, 8, 9], 'w');
    slots.leave(0, [1, 2, 5, 5, 5], 'w');
    expect(slots.take([[1, 2, 6, 6, 6, 6]], 'w')).toEqual([{ slot: 1, reused: 0 }]);
    expect(slots.take([[1, 2, 6, 6, 6, 6]], 'w')).toEqual([{ slot: 0, reused: 2 }]);
  });

  test('nothing is reused of other weights, of what was discarded, or where reuse is off', () => {
    const prompt = [1, 2, 3];
    const reusedAfter = (leave: (slots: CacheSlots<string>) => void, reuse = true) => {
      const slots = new CacheSlots<string>(all, { ...wide, slots: 1, reuse });
      slots.take([prompt], 'old');
      leave(slots);
      return slots.take([prompt], 'new')[0].reused;
    };
    expect(reusedAfter((slots) => slots.leave(0, prompt, 'new'))).toBe(2);
    expect(reusedAfter((slots) => slots.leave(0, prompt, 'old'))).toBe(0);
    expect(reusedAfter((slots) => slots.discard(0))).toBe(0);
    expect(reusedAfter((slots) => slots.leave(0, prompt, 'new'), false)).toBe(0);
  });

  /**
   * Rings that remember of each row which tokens led to it. Whatever is taken, fed in chunks and left, each
   * token must find in its window exactly its own past.
   */
  test('no token ever looks back on what is not its own past', () => {
    const token = fc.integer({ min: 0, max: 2 });
    const step = fc.record({
      prompt: fc.array(token, { minLength: 1, maxLength: 30 }),
      // How much of the prompt before comes first.
      keep: fc.nat(40),
      fed: fc.nat(40),
    });
    const setting = fc.record({
      windows: fc.array(fc.option(fc.integer({ min: 1, max: 9 })), { minLength: 1, maxLength: 3 }),
      chunk: fc.integer({ min: 1, max: 6 }),
      slots: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(setting, fc.array(step, { maxLength: 25 }), ({ windows, chunk, slots }, steps) => {
        const limits = { maxLength: 60, chunk };
        const caches = new CacheSlots<string>({ windows }, { ...limits, slots, reuse: true });
        const rows = windows.map((_, layer) => cacheRows({ windows }, layer, limits));
        const rings = Array.from({ length: slots }, () => windows.map(() => new Map<number, string>()));
        let before: number[] = [];
        const strangers: (readonly number[])[] = [];
        for (const { prompt: fresh, keep, fed } of steps) {
          const prompt = [...before.slice(0, keep), ...fresh].slice(0, 59);
          before = prompt;
          const [{ slot, reused }] = caches.take([prompt], 'w');
          expect(reused).toBeLessThan(prompt.length);
          const end = Math.max(reused, Math.min(prompt.length, fed));
          const past = (position: number) => prompt.slice(0, position + 1).join();
          for (let from = reused; from < end; from += chunk) {
            const to = Math.min(end, from + chunk);
            for (const [layer, window] of windows.entries()) {
              const ring = rings[slot][layer];
              for (let p = from; p < to; p++) ring.set(p % rows[layer], past(p));
              for (let p = from; p < to; p++) {
                for (let j = window === null ? 0 : Math.max(0, p - window + 1); j <= p; j++) {
                  if (ring.get(j % rows[layer]) !== past(j)) strangers.push([layer, p, j]);
                }
              }
            }
          }
          caches.leave(slot, prompt.slice(0, end), 'w');
        }
        expect(strangers).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
