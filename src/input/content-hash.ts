/** A setting that holds the hash of a file's content: SHA-256, in hexadecimal digits; null: any content. */
import { z } from 'zod';

export const contentHash = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits')
  .nullable()
  .default(null);
