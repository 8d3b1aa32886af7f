/** Swirl's search in a process of its own, for bench/search.ts: as bm25.py, a line of JSON in and one out. */
import { createInterface } from 'node:readline';
import { readCorpus } from '../../src/tools/corpus.ts';
import type { ArticleIndex } from '../../src/tools/search/article-index.ts';
import { MemoryIndex } from '../../src/tools/search/memory-index.ts';
import { openIndex } from '../../src/tools/search/open-index.ts';

interface Question {
  readonly do: 'open disk' | 'open memory' | 'query';
  readonly path: string;
  readonly query: string;
  readonly count: number;
}

const { signal } = new AbortController();
const goOn = async () => true;
let index: ArticleIndex = new MemoryIndex(2);
let disk = 0;

async function open({ do: kind, path }: Question): Promise<void> {
  if (kind === 'open disk') {
    const quiet = { signal, onProgress: () => {}, onWait: () => {} };
    const opened = await openIndex({ path, titleWeight: 1, cacheBytes: 256 * 2 ** 20, ...quiet });
    disk = opened.bytes;
    index = opened;
    return;
  }
  const memory = new MemoryIndex(2);
  for await (const article of readCorpus({ path })) memory.add(article);
  index = memory;
}

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line) as Question;
  const [clock, processor] = [performance.now(), process.cpuUsage()];
  let answer: object;
  if (question.do === 'query') {
    answer = { found: await index.rank(index.wordsOf(question.query), question.count, goOn) };
  } else {
    await open(question);
    answer = { disk, memory: process.resourceUsage().maxRSS * 1024 };
  }
  const { user, system } = process.cpuUsage(processor);
  const took = { clock: performance.now() - clock, processor: (user + system) / 1000 };
  process.stdout.write(`${JSON.stringify({ ...answer, ...took })}\n`);
}
