/** The words of an index: which have postings, and where. The first word of each group is held in memory. */
import { ByteReader } from './bytes.ts';
import type { FileCache } from './file-cache.ts';
import { BLOCK_FIELDS, FILES, GROUP, type Manifest } from './index-files.ts';
import { BLOCK } from './postings.ts';

/** Where the postings of a word are. */
export interface Entry {
  /** How many articles have it. */
  readonly size: number;
  readonly postings: { readonly from: number; readonly to: number };
  /** Of its blocks, in bytes; one that has a single block has none. */
  readonly blocks: { readonly from: number; readonly to: number };
  /** The highest score that it gives. */
  readonly best: number;
}

export interface DictionaryFiles {
  /** What is in `FILES.groups`. */
  readonly groups: Buffer;
  /** `FILES.words`. */
  readonly words: FileCache;
}

export class Dictionary {
  readonly #words: string[] = [];
  /** Of each group: where words, postings and blocks begin. */
  readonly #places: Float64Array;
  readonly #file: FileCache;

  constructor({ groups: beginnings, words }: DictionaryFiles, { distinctWords, files }: Manifest) {
    const groups = Math.ceil(distinctWords / GROUP);
    this.#places = new Float64Array(3 * (groups + 1));
    const reader = new ByteReader(beginnings);
    for (let group = 0; group < groups; group++) {
      this.#words.push(reader.text());
      for (let field = 0; field < 3; field++) this.#places[3 * group + field] = reader.varint();
    }
    this.#places[3 * groups] = files[FILES.words] ?? 0;
    this.#file = words;
  }

  /** Null where no article has the word. */
  find(word: string): Entry | null {
    const group = this.#groupOf(word);
    if (group < 0) return null;
    const [from = 0, postings = 0, blocks = 0, to = 0] = this.#places.subarray(3 * group, 3 * group + 4);
    const bytes = this.#file.piece(from, to);
    const wanted = Buffer.from(word);
    const reader = new ByteReader(bytes);
    let [postingsAt, blocksAt] = [postings, blocks];
    while (reader.at < bytes.length) {
      const isIt = reader.slice(reader.varint()).equals(wanted);
      const [size, length, best] = [reader.varint(), reader.varint(), reader.varint()];
      const blockBytes = size > BLOCK ? Math.ceil(size / BLOCK) * BLOCK_FIELDS * 4 : 0;
      if (isIt) {
        return {
          size,
          best,
          postings: { from: postingsAt, to: postingsAt + length },
          blocks: { from: blocksAt, to: blocksAt + blockBytes },
        };
      }
      postingsAt += length;
      blocksAt += blockBytes;
    }
    return null;
  }

  close(): void {
    this.#file.close();
  }

  /** The last group that does not begin after the word; -1 where all do. */
  #groupOf(word: string): number {
    let [low, high] = [0, this.#words.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#words[middle] ?? '') <= word) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
