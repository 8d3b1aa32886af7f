import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type ChooseOptions, choose } from '../../../src/engine/sampling/choose.ts';
import { narrow, type Span, spanColumns } from '../../../src/engine/sampling/narrow.ts';
import { ModelError } from '../../../src/errors.ts';

/** The vocabulary in pieces of these many tokens, and each piece in spans. */
function spansOf(pieces: readonly number[]): Span[] {
  const spans: Span[] = [];
  let first = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece; at += spanColumns) {
      spans.push({ first: first + at, columns: Math.min(spanColumns, piece - at) });
    }
    first += piece;
  }
  return spans;
}

interface Row {
  readonly logits: Float64Array;
  readonly spans: readonly Span[];
  readonly logitCap: number | null;
}

/** Narrows as a device that sums exactly would; and how many spans were asked for. */
function narrowed({ logits, spans, logitCap }: Row, options: ChooseOptions, u: number) {
  const capped = (x: number) => (logitCap === null ? x : logitCap * Math.tanh(x / logitCap));
  const of = ({ first, columns }: Span) => logits.subarray(first, first + columns);
  const masses = Float64Array.from(
    spans.flatMap((span) => {
      const own = of(span);
      const largest = own.reduce((a, b) => Math.max(a, b));
      const below = (x: number) => (capped(x) - capped(largest)) / (options.temperature || 1);
      return [largest, own.reduce((sum, x) => sum + Math.exp(below(x)), 0)];
    }),
  );
  const steps = narrow({ spans, masses, logitCap, options, u });
  const asked: number[] = [];
  for (let next = steps.next([]); ; ) {
    if (next.done) return { choice: next.value, asked };
    expect(next.value).toEqual(next.value.toSorted((a, b) => a - b));
    asked.push(...next.value);
    next = steps.next(next.value.map((span) => of(spans[span])));
  }
}

function whole({ logits, logitCap }: Row, options: ChooseOptions, u: number) {
  const cap = logitCap;
  return choose(cap === null ? logits : logits.map((x) => cap * Math.tanh(x / cap)), options, u);
}

/** Numbers in [0, 1) without a visible order. */
const scattered = (i: number) => (Math.imul(i ^ (i >>> 15), 0x9e3779b1) >>> 0) / 2 ** 32;

describe('narrow', () => {
  test('draws what choose draws from the whole row, and reads no span twice', () => {
    const options = fc.record({
      temperature: fc.constantFrom(0, 0.3, 1, 2.5),
      topK: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 3000 })),
      topP: fc.oneof(fc.constant(1), fc.double({ min: 0.01, max: 0.999, noNaN: true })),
    });
    const row = fc.record({
      pieces: fc.array(fc.integer({ min: 1, max: 1200 }), { minLength: 1, maxLength: 3 }),
      spread: fc.constantFrom(0, 0.01, 1, 10, 300, 3000),
      // Of few levels many tokens are equal.
      levels: fc.constantFrom(2, 7, 1e9),
      logitCap: fc.constantFrom(null, 30),
      seed: fc.nat(),
    });
    const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(row, options, fraction, ({ pieces, spread, levels, logitCap, seed }, how, u) => {
        const size = pieces.reduce((a, b) => a + b);
        const logits = Float64Array.from({ length: size }, (_, i) => {
          return spread * (Math.floor(levels * scattered(seed + i)) / levels);
        });
        const all = { logits, spans: spansOf(pieces), logitCap };
        const { choice, asked } = narrowed(all, how, u);
        const expected = whole(all, how, u);
        expect(choice.token).toBe(expected.token);
        expect(Math.abs(choice.logprob - expected.logprob)).toBeLessThan(1e-9);
        expect(new Set(asked).size).toBe(asked.length);
      }),
      { numRuns: 300 },
    );
  });

  test('of a row with few likely tokens few spans are read', () => {
    const logits = Float64Array.from({ length: 50_000 }, (_, i) => -6 * Math.log(1 + 5000 * scattered(i)));
    const row = { logits, spans: spansOf([50_000]), logitCap: null };
    const asked = (how: Partial<ChooseOptions>) =>
      narrowed(row, { temperature: 1, topP: 1, topK: 0, ...how }, 0.7).asked.length;
    expect(asked({ temperature: 0 })).toBe(1);
    expect(asked({})).toBe(1);
    expect(asked({ topK: 20 })).toBeLessThanOrEqual(20);
    expect(asked({ topP: 0.95 })).toBeLessThan(100);
  });

  test('logits that are not finite are an error, not a token', () => {
    for (const temperature of [0, 1]) {
      const logits = new Float64Array(200);
      logits[150] = Number.NaN;
      const row = { logits, spans: spansOf([200]), logitCap: null };
      expect(() => narrowed(row, { temperature, topP: 1, topK: 0 }, 0.5)).toThrow(ModelError);
    }
  });
});
