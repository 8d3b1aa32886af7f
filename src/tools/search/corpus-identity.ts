/** What a corpus is known by, in the manifests of what was made of it. */
import { z } from 'zod';

export const corpusSchema = z.object({
  /** SHA-256 of the file, as it is on disk. */
  sha256: z.string(),
  bytes: z.number(),
  modifiedMs: z.number(),
});
export type Corpus = z.output<typeof corpusSchema>;
