/** The vectors of a corpus: their files, and what the manifest says. */
import { z } from 'zod';
import { crc32c } from '../../../crc32c.ts';
import type { EmbeddingsConfig } from '../../../models/embeddings-config.ts';
import type { ArticleColumns } from '../../corpus.ts';
import { corpusSchema } from '../corpus-identity.ts';
import { FILES, readChecked } from '../index-files.ts';

export const VECTOR_FILES = {
  /** Of each article, in order, its numbers: f32, little-endian; of length 1 where the similarity is the cosine. */
  vectors: 'vectors.bin',
  /** CRC-32C of each block: `block-sums.ts`. */
  sums: FILES.sums,
  manifest: FILES.manifest,
} as const;

/** Changes whenever the files do: vectors of another version are made again. */
const VECTOR_VERSION = 1;

const manifestSchema = z.object({
  /** What decides the vectors: `vectorSettings`. */
  settings: z.string(),
  corpus: corpusSchema,
  articles: z.int().min(1),
  /** Numbers of a vector. */
  width: z.int().min(1),
  /** Bytes of each file. */
  files: z.record(z.string(), z.number()),
  /** CRC-32C of the above, but for the corpus's time. */
  check: z.number(),
});
export type VectorManifest = z.output<typeof manifestSchema>;

/** What decides the vectors of a corpus, as text. */
export function vectorSettings(
  { model, dimensions, passagePrefix, similarity, maxPassageChars, extra }: EmbeddingsConfig,
  columns: ArticleColumns | null,
): string {
  const deciding = { model, dimensions, passagePrefix, similarity, maxPassageChars, extra };
  return JSON.stringify({ version: VECTOR_VERSION, ...deciding, ...(columns && { columns }) });
}

/** The manifest of a folder; null where there is none that is understood. */
export function readVectorManifest(folder: string): VectorManifest | null {
  return readChecked(folder, manifestSchema, vectorCheck);
}

export function vectorCheck({
  settings,
  corpus,
  articles,
  width,
  files,
}: Omit<VectorManifest, 'check'>): number {
  return crc32c(Buffer.from(JSON.stringify([settings, corpus.sha256, articles, width, files])));
}
