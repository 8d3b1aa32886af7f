import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Choice, type ChooseOptions, choose } from '../../../src/engine/sampling/choose.ts';
import { ModelError } from '../../../src/errors.ts';

const all = { temperature: 1, topP: 1, topK: 0 };
/** Probabilities .1, .4, .2, .3. */
const logits = Float64Array.of(Math.log(0.1), Math.log(0.4), Math.log(0.2), Math.log(0.3));
const draw = (u: number, options = {}) => choose(logits, { ...all, ...options }, u);

describe('choose', () => {
  test('lays the tokens out in [0, 1) by id', () => {
    const tokens = [0, 0.09, 0.11, 0.49, 0.51, 0.69, 0.71, 0.999].map((u) => draw(u).token);
    expect(tokens).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
    expect(draw(0.3).logprob).toBeCloseTo(Math.log(0.4), 12);
  });

  test('temperature divides the logits, and the logprob is of that distribution', () => {
    const total = 0.1 ** 2 + 0.4 ** 2 + 0.2 ** 2 + 0.3 ** 2;
    expect(draw(0.99, { temperature: 0.5 }).logprob).toBeCloseTo(Math.log(0.09 / total), 12);
  });

  test('topK keeps the most likely, topP the fewest that reach the mass', () => {
    const kept = (options: object) => [
      ...new Set(Array.from({ length: 100 }, (_, i) => draw(i / 100, options).token)),
    ];
    expect(kept({ topK: 2 })).toEqual([1, 3]);
    expect(kept({ topK: 1 })).toEqual([1]);
    expect(kept({ topP: 0.69 })).toEqual([1, 3]);
    expect(kept({ topP: 0.71 })).toEqual([1, 2, 3]);
    expect(kept({ topP: 0.01 })).toEqual([1]);
    expect(kept({ topK: 3, topP: 0.5 })).toEqual([1, 3]);
    // Under the distribution of all tokens, which the trainer can compute again.
    expect(draw(0.9, { topK: 2 }).logprob).toBeCloseTo(Math.log(0.3), 12);
  });

  test('greedy takes the lowest id among equals, with logprob 0', () => {
    expect(choose(Float32Array.of(1, 3, 3), { ...all, temperature: 0 }, 0.9)).toEqual({
      token: 1,
      logprob: 0,
    });
  });

  test('the share of u that a token gets is its probability', () => {
    const row = fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: 1, maxLength: 12 });
    const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(row, fraction, (values, u) => {
        const { token, logprob } = choose(Float64Array.from(values), all, u);
        const masses = values.map((x) => Math.exp(x - Math.max(...values)));
        const total = masses.reduce((a, b) => a + b, 0);
        const below = masses.slice(0, token).reduce((a, b) => a + b, 0) / total;
        expect(Math.abs(Math.exp(logprob) - masses[token] / total)).toBeLessThan(1e-12);
        expect(u).toBeGreaterThanOrEqual(below - 1e-9);
        expect(u).toBeLessThan(below + masses[token] / total + 1e-9);
      }),
    );
  });

  /** What `choose` says of itself, word by word: sort all, keep, lay out. */
  function simply(logits: Float64Array, { temperature, topK, topP }: ChooseOptions, u: number): Choice {
    const largest = logits.reduce((a, b) => Math.max(a, b));
    const masses = logits.map((x) => Math.exp((x - largest) / temperature));
    const sum = (tokens: readonly number[]) => tokens.reduce((total, token) => total + masses[token], 0);
    const inOrder = [...masses.keys()];
    let kept = inOrder;
    let mass = sum(inOrder);
    if (topP < 1 || (topK > 0 && topK < masses.length)) {
      const sorted = inOrder.toSorted((a, b) => masses[b] - masses[a] || a - b);
      const considered = topK > 0 ? sorted.slice(0, topK) : sorted;
      const enough = topP * (topK > 0 ? sum(considered) : mass);
      kept = [];
      mass = 0;
      for (const token of considered) {
        if (kept.length > 0 && mass >= enough) break;
        kept.push(token);
        mass += masses[token];
      }
      kept.sort((a, b) => a - b);
    }
    let below = 0;
    let last = 0;
    for (const token of kept.filter((id) => masses[id] > 0)) {
      below += masses[token];
      last = token;
      if (below > u * mass) break;
    }
    return { token: last, logprob: Math.log(masses[last] / sum(inOrder)) };
  }

  /** Numbers in [0, 1) without a visible order. */
  const scattered = (i: number) => (Math.imul(i ^ (i >>> 15), 0x9e3779b1) >>> 0) / 2 ** 32;

  test('selects without sorting everything what sorting everything selects, to the bit', () => {
    const options = fc.record({
      temperature: fc.constantFrom(0.3, 1, 2.5),
      topK: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 1600 })),
      topP: fc.oneof(fc.constant(1), fc.double({ min: 0.01, max: 0.999, noNaN: true })),
    });
    const row = fc.record({
      // Below and above the size from which on `choose` does not sort all.
      size: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1000, max: 1500 })),
      spread: fc.constantFrom(0, 0.01, 1, 10, 300),
      // Of few levels many tokens are equal.
      levels: fc.constantFrom(2, 7, 1e9),
      seed: fc.nat(),
    });
    const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(row, options, fraction, ({ size, spread, levels, seed }, how, u) => {
        const logits = Float64Array.from({ length: size }, (_, i) => {
          return spread * (Math.floor(levels * scattered(seed + i)) / levels);
        });
        expect(choose(logits, how, u)).toEqual(simply(logits, how, u));
      }),
      { numRuns: 200 },
    );
  });

  test('equals at the end of what is kept: the lowest ids, also among many', () => {
    const flat = new Float64Array(5000);
    const last = (how: object) => choose(flat, { ...all, ...how }, 0.9999).token;
    expect(last({ topK: 7 })).toBe(6);
    expect(last({ topP: 0.5 })).toBe(2499);
    expect(last({ topK: 100, topP: 0.25 })).toBe(24);
    flat[4999] = 1;
    expect(last({ topK: 7 })).toBe(4999);
    expect(choose(flat, { ...all, topK: 7 }, 0.5).token).toBeLessThan(6);
  });

  test('logits that are not finite are an error, not a token', () => {
    for (const temperature of [0, 1]) {
      expect(() => choose(Float32Array.of(Number.NaN, 1), { ...all, temperature }, 0.5)).toThrow(ModelError);
    }
  });
});
