/**
 * The nearest vectors by the filter of 8 bits against the exact product of all, by ml-matrix, over made vectors of 384
 * numbers: of 48 random directions and noise, normed, as those of texts are far from filling their space. Both must find
 * the same. Times of the processor, in turn; a query's best five.
 *
 *   npx tsx bench/dense.ts [6000 60000 600000]
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSums } from '../src/tools/search/block-sums.ts';
import { Filter } from '../src/tools/search/dense/filter.ts';
import { filtered } from '../src/tools/search/dense/filtered.ts';
import { nearest } from '../src/tools/search/dense/nearest.ts';
import { VECTOR_FILES } from '../src/tools/search/dense/vector-files.ts';
import { Vectors } from '../src/tools/search/dense/vectors.ts';

const WIDTH = 384;
const DIRECTIONS = 48;
const QUERIES = 20;
const COUNT = 5;
const CACHE_BYTES = 1024 * 2 ** 20;
const { signal } = new AbortController();
const asked = { count: COUNT, goOn: async () => true };

console.log(
  `node ${process.version}, ${cpus().length} x ${cpus()[0].model}; load ${loadavg()[0].toFixed(0)}`,
);
const sizes = process.argv.slice(2).map(Number);
for (const size of sizes.length > 0 ? sizes : [6_000, 60_000]) await compare(size);

async function compare(size: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'swirl-bench-dense-'));
  try {
    const make = maker();
    const queries = Array.from({ length: QUERIES }, make);
    const manifest = await write(folder, size, make);
    // Apart, so that what one keeps in memory is not the other's.
    const whole = new Vectors(folder, manifest, CACHE_BYTES);
    const byRow = new Vectors(folder, manifest, 0);
    const before = process.memoryUsage().rss;
    const opening = await timed(() =>
      Filter.of(byRow, { cacheBytes: CACHE_BYTES, signal, onRead: async () => {} }),
    );
    const filter = opening.result;
    const memory = process.memoryUsage().rss - before;
    const times: Record<'exact' | 'filtered', number[]> = { exact: [], filtered: [] };
    // The first is not counted: it fills memory and compiles.
    for (const [i, query] of [queries[0], ...queries].entries()) {
      const exact = await timed(() => nearest(whole, query, asked));
      const found = await timed(() => filtered({ vectors: byRow, filter }, query, asked));
      if (JSON.stringify(exact.result) !== JSON.stringify(found.result))
        throw new Error(`expected ${exact.result}, found ${found.result}`);
      if (i === 0) continue;
      times.exact.push(exact.took);
      times.filtered.push(found.took);
    }
    const [exact, found] = [times.exact, times.filtered].map(
      (list) => list.sort((a, b) => a - b)[list.length >> 1],
    );
    const [ofFilter, ofAll] = [memory, size * WIDTH * 4].map((bytes) => (bytes / 2 ** 20).toFixed(0));
    console.log(
      `${size} vectors: exact ${exact.toFixed(1)} ms (${ofAll} MiB), filtered ${found.toFixed(1)} ms (${ofFilter} MiB), ` +
        `ratio ${(found / exact).toFixed(3)}; the filter read in ${(opening.took / 1000).toFixed(2)} s; the same found`,
    );
    whole.close();
    byRow.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly took: number }> {
  const from = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(from);
  return { result, took: (user + system) / 1000 };
}

async function write(folder: string, size: number, make: () => Float32Array) {
  const file = openSync(join(folder, VECTOR_FILES.vectors), 'w');
  for (let i = 0; i < size; i++) writeSync(file, new Uint8Array(make().buffer));
  closeSync(file);
  const files = { [VECTOR_FILES.vectors]: size * WIDTH * 4 };
  await writeSums(join(folder, VECTOR_FILES.sums), files, signal);
  const corpus = { sha256: '', bytes: 0, modifiedMs: 0 };
  return { settings: '', corpus, articles: size, width: WIDTH, files, check: 0 };
}

function maker(): () => Float32Array {
  let state = 1;
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  // Near enough to normal.
  const normal = () => uniform() + uniform() + uniform() + uniform() - 2;
  const directions = Array.from({ length: DIRECTIONS }, () => Float64Array.from({ length: WIDTH }, normal));
  return () => {
    const vector = new Float64Array(WIDTH);
    for (const direction of directions) {
      const weight = normal();
      for (let i = 0; i < WIDTH; i++) vector[i] += weight * direction[i];
    }
    for (let i = 0; i < WIDTH; i++) vector[i] += normal();
    const length = Math.hypot(...vector);
    return Float32Array.from(vector, (value) => value / length);
  };
}
