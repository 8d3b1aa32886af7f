/** The search tool's corpus, written beside what is fed: the paragraphs of the same files, in the same pass. */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { Article } from '../input/article.ts';
import { corpusLine, unseenArticles } from '../questions/corpus.ts';

export interface CorpusWriter {
  /** Writes the articles that were not there yet; resolves when there is room for more. */
  add(articles: readonly Article[]): Promise<void>;
  /** How many articles were written. */
  close(): Promise<number>;
}

export function corpusWriter(path: string): CorpusWriter {
  const stream = createWriteStream(path);
  const ended = finished(stream);
  // Awaited in `close`; a failure before that is no unhandled rejection.
  ended.catch(() => {});
  const unseen = unseenArticles();
  let count = 0;
  return {
    add: async (articles) => {
      for (const article of unseen(articles)) {
        count++;
        if (!stream.write(corpusLine(article))) await Promise.race([once(stream, 'drain'), ended]);
      }
    },
    close: async () => {
      stream.end();
      await ended;
      return count;
    },
  };
}

/** All of the records, whoever takes how many of them: the rest is read for its articles. */
export async function* alsoTheRest<T>(
  records: AsyncIterable<T>,
  part: (records: AsyncIterable<T>) => AsyncIterable<T>,
): AsyncGenerator<T, void, void> {
  const iterator = records[Symbol.asyncIterator]();
  // Without `return`, which would end the reading.
  yield* part({ [Symbol.asyncIterator]: () => ({ next: () => iterator.next() }) });
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next());
}
