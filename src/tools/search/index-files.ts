/** The files of an index on disk, and what its manifest says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { crc32c } from '../../crc32c.ts';
import { articleColumns } from '../corpus.ts';
import { SUMS } from './block-sums.ts';
import { corpusSchema } from './corpus-identity.ts';

export const FILES = {
  /** Each article: the length of its title in bytes as a varint, title and text in UTF-8. */
  articles: 'articles.bin',
  /** Where each article begins, and where the last one ends: f64, little-endian as all here. */
  places: 'places.bin',
  /** Words of each article, as often as they count: u32. */
  lengths: 'lengths.bin',
  /** Of each word, sorted: the word, its number of articles, bytes of its postings and highest score, as varints. */
  words: 'words.bin',
  /** Of each group of `GROUP` words: the first one, and where its words, postings and blocks begin. */
  groups: 'groups.bin',
  /** The postings: `postings.ts`. */
  postings: 'postings.bin',
  /** Of each block of a word with several: last article, end of its bytes from the word's first, highest score: u32. */
  blocks: 'blocks.bin',
  /** Of each block of each file above, in the manifest's order: `block-sums.ts`. */
  sums: SUMS,
  manifest: 'manifest.json',
} as const;

/** Words of a group: what is read to look one up. */
export const GROUP = 64;

/** Numbers of a block in `blocks`. */
export const BLOCK_FIELDS = 3;

/** Changes whenever words, scores or files do: an index of another version is built again. */
export const INDEX_VERSION = 3;

const manifestSchema = z.object({
  version: z.literal(INDEX_VERSION),
  /** Null where there are the articles alone, and no words to look them up by. */
  titleWeight: z.int().min(0).nullable(),
  /** The topology's columns of the corpus; null: those of a layout that is known. */
  columns: articleColumns.nullable().default(null),
  corpus: corpusSchema,
  articles: z.int().min(1),
  /** Words of all articles, as often as they count. */
  words: z.int().min(0),
  distinctWords: z.int().min(0),
  /** Bytes of each file: one that was cut is known. */
  files: z.record(z.string(), z.number()),
  /** CRC-32C of the numbers above. */
  check: z.number(),
});
export type Manifest = z.output<typeof manifestSchema>;

/** The manifest of a folder; null where there is none that this version understands, or it is damaged. */
export function readManifest(folder: string): Manifest | null {
  return readChecked(folder, manifestSchema, checkOf);
}

/** A manifest of this form, whose `check` is that of what it says; null where the folder has none. */
export function readChecked<T extends { readonly check: number }>(
  folder: string,
  schema: z.ZodType<T>,
  checkOf: (manifest: T) => number,
): T | null {
  try {
    const text = readFileSync(join(folder, FILES.manifest), 'utf8');
    const manifest = schema.safeParse(JSON.parse(text)).data;
    return manifest !== undefined && checkOf(manifest) === manifest.check ? manifest : null;
  } catch {
    return null;
  }
}

/** The checksum of what scores and places depend on. */
export function checkOf({
  titleWeight,
  columns,
  articles,
  words,
  distinctWords,
  files,
}: Omit<Manifest, 'check'>): number {
  const said = [titleWeight, articles, words, distinctWords, files];
  return crc32c(Buffer.from(JSON.stringify(columns === null ? said : [...said, columns])));
}

/** Words of each article, of the bytes of `FILES.lengths`. */
export function lengthsOf(bytes: Buffer, articles: number): Uint32Array {
  const lengths = new Uint32Array(articles);
  new Uint8Array(lengths.buffer).set(bytes.subarray(0, articles * 4));
  return lengths;
}
