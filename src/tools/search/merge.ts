/** Merges segments into the files of words and postings. */
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { AppendFile } from './append-file.ts';
import { FILES, GROUP } from './index-files.ts';
import { BLOCK, type Postings, writePostings } from './postings.ts';
import { type Collection, dampingOf, idfOf, scoreOf } from './score.ts';
import { grown, SegmentReader } from './segment.ts';

export interface MergeOptions {
  readonly folder: string;
  /** Paths of the segments, in the order of their articles. */
  readonly segments: readonly string[];
  readonly collection: Collection;
  /** Words of each article. */
  readonly lengths: Uint32Array;
  readonly signal: AbortSignal;
  /** Hears how many postings are merged. */
  readonly onMerged: (postings: number) => void;
}

/** After how many words others get a turn. */
const TURN = 2_000;

/** Resolves with the number of words. Memory: what one word's postings take, and a piece of each segment. */
export async function mergeSegments(options: MergeOptions): Promise<number> {
  const readers = options.segments.map((path) => new SegmentReader(path));
  const files = new IndexWriter(options);
  const postings: Postings = { articles: new Int32Array(1 << 16), counts: new Int32Array(1 << 16) };
  let words = 0;
  let merged = 0;
  try {
    for (let word = least(readers); word !== null; word = least(readers)) {
      let size = 0;
      for (const reader of readers) {
        if (reader.word !== word) continue;
        while (postings.articles.length < size + reader.size) {
          postings.articles = grown(postings.articles);
          postings.counts = grown(postings.counts);
        }
        reader.read(postings, size);
        size += reader.size;
        reader.next();
      }
      files.write(word, postings, size);
      merged += size;
      if (++words % TURN === 0) {
        options.onMerged(merged);
        await nextTurn();
        options.signal.throwIfAborted();
      }
    }
    options.onMerged(merged);
    return words;
  } finally {
    for (const reader of readers) reader.close();
    files.close();
  }
}

function least(readers: readonly SegmentReader[]): string | null {
  let first: string | null = null;
  for (const { word } of readers) if (word !== null && (first === null || word < first)) first = word;
  return first;
}

class IndexWriter {
  readonly #options: Pick<MergeOptions, 'collection' | 'lengths'>;
  readonly #damping: Float32Array;
  readonly #words: AppendFile;
  readonly #groups: AppendFile;
  readonly #postings: AppendFile;
  readonly #blocks: AppendFile;
  #inGroup = 0;

  constructor(options: Pick<MergeOptions, 'collection' | 'lengths' | 'folder'>) {
    this.#options = options;
    this.#damping = dampingOf(options.lengths, options.collection);
    const open = (name: string) => new AppendFile(join(options.folder, name));
    this.#words = open(FILES.words);
    this.#groups = open(FILES.groups);
    this.#postings = open(FILES.postings);
    this.#blocks = open(FILES.blocks);
  }

  write(word: string, postings: Postings, size: number): void {
    if (this.#inGroup++ % GROUP === 0) {
      this.#groups.writer.text(word);
      for (const file of [this.#words, this.#postings, this.#blocks]) this.#groups.writer.varint(file.length);
    }
    const start = this.#postings.length;
    const idf = idfOf(size, this.#options.collection);
    let best = 0;
    for (let from = 0; from < size; from += BLOCK) {
      const to = Math.min(from + BLOCK, size);
      const before = postings.articles[from - 1] ?? -1;
      writePostings(this.#postings.writer, postings, { from, to, before });
      let highest = 0;
      for (let i = from; i < to; i++) {
        const damping = this.#damping[postings.articles[i]];
        highest = Math.max(highest, scoreOf(idf, postings.counts[i], damping));
      }
      best = Math.max(best, highest);
      if (size > BLOCK) {
        const { writer } = this.#blocks;
        for (const field of [postings.articles[to - 1], this.#postings.length - start, highest])
          writer.integer(field, 4);
      }
      this.#postings.settle();
    }
    const { writer } = this.#words;
    writer.text(word);
    for (const field of [size, this.#postings.length - start, best]) writer.varint(field);
    for (const file of [this.#words, this.#groups, this.#blocks]) file.settle();
  }

  close(): void {
    for (const file of [this.#words, this.#groups, this.#postings, this.#blocks]) file.close();
  }
}
