/** An index on disk that is looked things up in: BM25 over words as `words.ts` has them. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../../errors.ts';
import type { Article } from '../corpus.ts';
import type { ArticleIndex } from './article-index.ts';
import { ByteReader } from './bytes.ts';
import { Dictionary } from './dictionary.ts';
import { FileCache } from './file-cache.ts';
import { FILES, type Manifest, readLengths } from './index-files.ts';
import { rank } from './rank.ts';
import { dampingOf, idfOf } from './score.ts';
import { ScoredPostings } from './scored-postings.ts';
import { WordCursor } from './word-cursor.ts';
import { wordsOf } from './words.ts';

/**
 * Memory: four bytes for each article, the first word of each 64, and `cacheBytes` of what was read. Throws
 * `DataError` where a file is not as long as its manifest says.
 */
export class DiskIndex implements ArticleIndex {
  readonly #manifest: Manifest;
  readonly #dictionary: Dictionary;
  readonly #files: Readonly<Record<'blocks' | 'places' | 'articles', FileCache>> & {
    readonly postings: ScoredPostings;
  };

  constructor(folder: string, manifest: Manifest, cacheBytes: number) {
    for (const [name, bytes] of Object.entries(manifest.files)) {
      const found = statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? null;
      if (found === bytes) continue;
      throw new DataError(
        `${join(folder, name)}: expected ${bytes} bytes, found ${found ?? 'no such file'}; remove ${folder}, and the ` +
          'index is built again',
      );
    }
    this.#manifest = manifest;
    this.#dictionary = new Dictionary(folder, manifest, cacheBytes * 0.1);
    const open = (name: string, bytes: number) => new FileCache(join(folder, name), bytes);
    const damping = dampingOf(readLengths(folder, manifest.articles), manifest);
    this.#files = {
      postings: new ScoredPostings(join(folder, FILES.postings), damping, cacheBytes * 0.7),
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
    return [...new Set(wordsOf(query))];
  }

  rank(words: readonly string[], count: number, goOn: () => Promise<boolean>): Promise<number[] | null> {
    const cursors = words.flatMap((word) => {
      const entry = this.#dictionary.find(word);
      return entry === null ? [] : new WordCursor(entry, idfOf(entry.size, this.#manifest), this.#files);
    });
    return rank(cursors, { count, goOn });
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
