/** An index on disk that is looked things up in: BM25 over words as `words.ts` has them. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Article } from '../../input/article.ts';
import type { ArticleIndex } from './article-index.ts';
import { damaged, readSums } from './block-sums.ts';
import { ByteReader } from './bytes.ts';
import { Dictionary } from './dictionary.ts';
import { FileCache } from './file-cache.ts';
import { FILES, lengthsOf, type Manifest } from './index-files.ts';
import { rank } from './rank.ts';
import { dampingOf, idfOf } from './score.ts';
import { ScoredPostings } from './scored-postings.ts';
import { withoutStopWords } from './stop-words.ts';
import { WordCursor } from './word-cursor.ts';
import { wordsOf } from './words.ts';

/** Which words of a query are not looked for, where it has others. */
export type StopWords = 'english' | 'none';

export interface DiskIndexOptions {
  /** How much of the files is kept in memory. */
  readonly cacheBytes: number;
  readonly stopWords?: StopWords;
}

/**
 * Memory: four bytes for each article and each 4096 bytes, the first word of each 64, and `cacheBytes` of what was
 * read. Throws `DataError` where a file is not as long as its manifest says, and, when it is read, where a byte of it
 * is another than was written.
 */
export class DiskIndex implements ArticleIndex {
  readonly #manifest: Manifest;
  readonly #stopWords: StopWords;
  readonly #dictionary: Dictionary;
  readonly #files: Readonly<Record<'blocks' | 'places' | 'articles', FileCache>> & {
    readonly postings: ScoredPostings;
  };

  constructor(folder: string, manifest: Manifest, { cacheBytes, stopWords = 'english' }: DiskIndexOptions) {
    for (const [name, bytes] of Object.entries(manifest.files)) {
      const found = statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? null;
      if (found === bytes) continue;
      throw damaged(join(folder, name), `expected ${bytes} bytes, found ${found ?? 'no such file'}`);
    }
    this.#manifest = manifest;
    this.#stopWords = stopWords;
    const sums = readSums(join(folder, FILES.sums), manifest.files);
    const open = (name: string, bytes: number) => new FileCache(join(folder, name), bytes, sums);
    const whole = (name: string): Buffer => {
      const file = open(name, 0);
      try {
        return file.once(0, manifest.files[name] ?? 0);
      } finally {
        file.close();
      }
    };
    const groups = whole(FILES.groups);
    const damping = dampingOf(lengthsOf(whole(FILES.lengths), manifest.articles), manifest);
    this.#dictionary = new Dictionary({ groups, words: open(FILES.words, cacheBytes * 0.1) }, manifest);
    this.#files = {
      postings: new ScoredPostings(open(FILES.postings, 0), damping, cacheBytes * 0.7),
      blocks: open(FILES.blocks, cacheBytes * 0.2),
      places: open(FILES.places, 0),
      articles: open(FILES.articles, 0),
    };
  }

  get size(): number {
    return this.#manifest.articles;
  }

  /** Of all its files. */
  get bytes(): number {
    return Object.values(this.#manifest.files).reduce((sum, bytes) => sum + bytes, 0);
  }

  wordsOf(query: string): readonly string[] {
    const words = [...new Set(wordsOf(query))];
    return this.#stopWords === 'english' ? withoutStopWords(words) : words;
  }

  rank(words: readonly string[], count: number, goOn: () => Promise<boolean>): Promise<number[] | null> {
    const cursors = words.flatMap((word) => {
      const entry = this.#dictionary.find(word);
      return entry === null ? [] : new WordCursor(entry, idfOf(entry.size, this.#manifest), this.#files);
    });
    return rank(cursors, { articles: this.size, count, goOn });
  }

  article(number: number): Article {
    const places = this.#files.places.once(number * 8, number * 8 + 16);
    const bytes = this.#files.articles.once(places.readDoubleLE(0), places.readDoubleLE(8));
    const reader = new ByteReader(bytes);
    const title = reader.text();
    return { title, text: bytes.toString('utf8', reader.at) };
  }

  async close(): Promise<void> {
    this.#dictionary.close();
    for (const file of Object.values(this.#files)) file.close();
  }
}
