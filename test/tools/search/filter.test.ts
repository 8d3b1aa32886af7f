/** The filter of 8 bits: with it the same vectors are found as without, whatever they are. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { writeSums } from '../../../src/tools/search/block-sums.ts';
import { Filter } from '../../../src/tools/search/dense/filter.ts';
import { filtered } from '../../../src/tools/search/dense/filtered.ts';
import { nearest } from '../../../src/tools/search/dense/nearest.ts';
import { VECTOR_FILES } from '../../../src/tools/search/dense/vector-files.ts';
import { Vectors } from '../../../src/tools/search/dense/vectors.ts';

const folder = mkdtempSync(join(tmpdir(), 'swirl-filter-'));
afterAll(() => rmSync(folder, { recursive: true }));
const { signal } = new AbortController();
const goOn = async () => true;

async function vectorsOf(rows: readonly Float32Array[]): Promise<Vectors> {
  const bytes = Buffer.concat(rows.map((row) => new Uint8Array(row.buffer)));
  writeFileSync(join(folder, VECTOR_FILES.vectors), bytes);
  const files = { [VECTOR_FILES.vectors]: bytes.length };
  await writeSums(join(folder, VECTOR_FILES.sums), files, signal);
  const corpus = { sha256: '', bytes: 0, modifiedMs: 0 };
  const [{ length: width }] = rows;
  return new Vectors(folder, { settings: '', corpus, articles: rows.length, width, files, check: 0 }, 0);
}

interface Case {
  readonly rows: readonly Float32Array[];
  readonly queries: readonly Float32Array[];
  /** How much of them is in the filter. */
  readonly cacheBytes?: number;
}

/** How many vectors the filter left to be read one by one, of all queries. */
async function same({ rows, queries, cacheBytes = 1 << 22 }: Case): Promise<number> {
  const vectors = await vectorsOf(rows);
  let reads = 0;
  const { rows: read } = Vectors.prototype;
  vectors.rows = (from, to) => {
    if (to === from + 1) reads++;
    return read.call(vectors, from, to);
  };
  try {
    const filter = await Filter.of(vectors, { cacheBytes, signal, onRead: async () => {} });
    expect(filter.size).toBeLessThanOrEqual(rows.length);
    for (const query of queries) {
      for (const count of [1, 5, 100]) {
        const found = await filtered({ vectors, filter }, query, { count, goOn });
        expect({ count, found }).toEqual({ count, found: await nearest(vectors, query, { count, goOn }) });
      }
    }
    return reads;
  } finally {
    vectors.close();
  }
}

/** Numbers between -1 and 1 that look random, of a seed. */
function drawn(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

test.each([
  [3, 2_000],
  [48, 2_000],
  [300, 1_000],
])('of vectors of %i numbers, %i of them, few are read in full', async (width, number) => {
  const next = drawn(width);
  const vector = () => Float32Array.from({ length: width }, next);
  const rows = Array.from({ length: number }, vector);
  // Some that are the same, and one that is asked for itself.
  for (let i = 7; i < number; i += 400) rows[i] = rows[7];
  const queries = [...Array.from({ length: 4 }, vector), rows[7], rows[number - 1]];
  const reads = await same({ rows, queries });
  expect(reads).toBeGreaterThanOrEqual(queries.length * 3);
  expect(reads).toBeLessThan((queries.length * 3 * number) / 4);
  // Half of them have no room in memory, or all.
  for (const share of [0.5, 0])
    await same({ rows, queries: queries.slice(3), cacheBytes: share * number * (width + 12) });
});

test('of any numbers, and as large or as small as 32 bits are', async () => {
  const number = fc.oneof(
    fc.float({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(0, -0, 1e-45, -1e-40, 3.4e38, -3.4e38, 1, -1, 127, 128),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 40 }).chain((width) => {
        const vector = fc
          .array(number, { minLength: width, maxLength: width })
          .map((numbers) => Float32Array.from(numbers));
        return fc.record({
          rows: fc.array(vector, { minLength: 1, maxLength: 60 }),
          queries: fc.array(vector, { minLength: 1, maxLength: 3 }),
        });
      }),
      async (drawnCase) => {
        await same(drawnCase);
      },
    ),
    { numRuns: 60 },
  );
});

test('sums are the largest that 32 bits have, of either sign', async () => {
  for (const width of [16, 530, 2_100]) {
    const all = (value: number) => new Float32Array(width).fill(value);
    const rows = [all(1), all(-1), ...Array.from({ length: 90 }, (_, i) => all(1 - i / 1_000)), all(1.0001)];
    await same({ rows, queries: [all(1), all(-1), all(0), all(3e38)] });
  }
});
