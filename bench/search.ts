/**
 * Search against bm25s and rank_bm25: HotPotQA's questions over the articles that come with them and made ones beyond
 * (made-articles.ts), each question asked of each in turn. Prints recall of the supporting articles, time of a query,
 * time of building and opening, memory and disk.
 *
 *   SWIRL_BM25_PYTHON=venv/bin/python npx tsx bench/search.ts [6000 60000 ...] [--folder KEPT] [--data FILE]
 *
 * The Python is one with bm25s, numba and rank_bm25. Corpora and indexes in a kept folder are used again.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Article } from '../src/input/article.ts';
import { fileInput } from '../src/input/input.ts';
import { unseenArticles } from '../src/questions/corpus.ts';
import { readHotpotqaEntries } from '../src/questions/hotpotqa.ts';
import { writeMadeArticles } from './rivals/made-articles.ts';
import { Worker } from './rivals/worker.ts';

/** rank_bm25 and minisearch score every article in a loop: beyond this they are left out. */
const LOOPS_UP_TO = 100_000;
/** bm25s builds in memory, 4 KiB an article: beyond this it is left out. */
const IN_MEMORY_UP_TO = 2_000_000;
const ROUNDS = 3;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { folder: { type: 'string' }, data: { type: 'string' } },
});
const python = process.env.SWIRL_BM25_PYTHON;
const data =
  values.data ?? fileURLToPath(new URL('../../shared/data/hotpotqa/train-60.json', import.meta.url));
if (python === undefined || !existsSync(data)) {
  const lacking = python === undefined ? 'SWIRL_BM25_PYTHON: a Python with bm25s and rank_bm25' : data;
  console.log(`skipped: there is no ${lacking}`);
} else {
  const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'swirl-bench-search-'));
  mkdirSync(folder, { recursive: true });
  console.log(`node ${process.version}, ${cpus().length} x ${cpus()[0].model}`);
  try {
    for (const size of positionals.length > 0 ? positionals : ['6000', '60000'])
      await compare(Number(size), folder, python);
  } finally {
    if (values.folder === undefined) rmSync(folder, { recursive: true });
  }
}

interface Asked {
  readonly query: string;
  /** Places of the articles that it needs. */
  readonly needed: readonly number[];
}

/** The questions, and their articles, each once. */
async function hotpotqa(): Promise<{
  readonly asked: readonly Asked[];
  readonly articles: readonly Article[];
}> {
  const { default: entries } = (await import(data, { with: { type: 'json' } })) as {
    default: { supporting_facts: [string, number][] }[];
  };
  const unseen = unseenArticles();
  const articles: Article[] = [];
  const questions: string[] = [];
  for await (const entry of readHotpotqaEntries(fileInput(data))) {
    articles.push(...unseen(entry.articles));
    questions.push(entry.question.text);
  }
  const asked = questions.map((query, i) => {
    const titles = new Set(entries[i].supporting_facts.map(([title]) => title));
    return { query, needed: articles.flatMap(({ title }, place) => (titles.has(title) ? [place] : [])) };
  });
  return { asked, articles };
}

interface Opened {
  readonly clock: number;
  readonly processor: number;
  readonly disk: number;
  readonly memory: number;
}

type Answer = Pick<Opened, 'clock' | 'processor'> & { readonly found: readonly number[] };

async function compare(size: number, folder: string, interpreter: string): Promise<void> {
  const { asked, articles } = await hotpotqa();
  const path = join(folder, `articles-${size}.jsonl`);
  if (!existsSync(path)) await writeMadeArticles(path, articles, size);
  const kept = join(folder, `bm25s-${size}`);
  const node = [process.execPath, '--import', 'tsx'] as const;
  const script = (name: string) => fileURLToPath(new URL(`./rivals/${name}`, import.meta.url));
  const start = (name: string): Worker =>
    name.startsWith('index')
      ? new Worker(name, [...node, script('search-worker.ts')])
      : new Worker(name, [interpreter, script('bm25.py')]);
  const opening: Record<string, string> = { 'index: disk': 'open disk' };
  if (size <= IN_MEMORY_UP_TO) opening.bm25s = 'open bm25s';
  if (size <= LOOPS_UP_TO)
    Object.assign(opening, { 'index: memory': 'open memory', rank_bm25: 'open rank_bm25' });
  console.log(`\n${size} articles, ${asked.length} questions; load ${loadavg()[0].toFixed(0)}`);
  const workers: Record<string, Worker> = {};
  try {
    for (const [name, step] of Object.entries(opening)) {
      for (const before of built(name, path, kept)) await once(name, before);
      workers[name] = start(name);
      const opened = await workers[name].ask<Opened>({ do: step, path, folder: kept });
      console.log(`${name}: opened in ${text(opened)}`);
    }
    for (const count of [1, 5]) await inTurn(workers, asked, count);
  } finally {
    for (const worker of Object.values(workers)) await worker.close();
  }

  /** In a process of its own, whose memory is that of building. */
  async function once(name: string, step: string): Promise<void> {
    const worker = start(name);
    const took = await worker.ask<Opened>({ do: step, path, folder: kept });
    console.log(`${name}: built in ${text(took)}`);
    await worker.close();
  }
}

/** What builds a kept index that is not there. */
function built(name: string, path: string, kept: string): string[] {
  if (name === 'index: disk' && !existsSync(`${path}.index`)) return ['open disk'];
  return name === 'bm25s' && !existsSync(kept) ? ['build bm25s'] : [];
}

function text({ clock, processor, disk, memory }: Opened): string {
  const [onDisk, most] = [disk, memory].map((bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`);
  return `${(clock / 1000).toFixed(2)} s (processor ${(processor / 1000).toFixed(2)} s), at most ${most}, on disk ${onDisk}`;
}

async function inTurn(
  workers: Readonly<Record<string, Worker>>,
  asked: readonly Asked[],
  count: number,
): Promise<void> {
  const answers = Object.fromEntries(Object.keys(workers).map((name) => [name, [] as Answer[]]));
  // The first round is not counted: it fills caches and compiles.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { query } of asked) {
      for (const [name, worker] of Object.entries(workers)) {
        const answer = await worker.ask<Answer>({ do: 'query', query, count });
        if (round > 0) answers[name].push(answer);
      }
    }
  }
  for (const [name, list] of Object.entries(answers)) {
    const recall = [1, 2, 5].filter((depth) => depth <= count).map((depth) => recallAt(depth, list, asked));
    const times = [list.map(({ processor }) => processor), list.map(({ clock }) => clock)].map(median);
    console.log(
      `${name}, best ${count}: processor ${times[0].toFixed(2)} ms, clock ${times[1].toFixed(2)} ms; recall ${recall
        .map((share) => share.toFixed(3))
        .join(', ')}`,
    );
  }
}

/** The share of the articles needed that are among the first found, over all questions. */
function recallAt(depth: number, answers: readonly Answer[], asked: readonly Asked[]): number {
  let [found, needed] = [0, 0];
  for (const [i, question] of asked.entries()) {
    needed += question.needed.length;
    found += answers[i].found.slice(0, depth).filter((place) => question.needed.includes(place)).length;
  }
  return found / needed;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}
