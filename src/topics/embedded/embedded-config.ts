/** The settings of the embedded log. */
import { z } from 'zod';
import { maxRecordBytesConfig } from '../avro/codec.ts';

export const embeddedConfig = z
  .strictObject({
    maxLogBytes: z
      .int()
      .min(1024 * 1024)
      .max(2 ** 40)
      .default(16 * 2 ** 30)
      .describe(
        'The largest that the log may become, in bytes: an append that could exceed it stops the run.',
      ),
    maxRecordBytes: maxRecordBytesConfig,
    pageBytes: z
      .int()
      .min(1024)
      .max(2 ** 30)
      .default(8 * 2 ** 20)
      .describe('About how many bytes of records one read takes into memory at once.'),
    pollMs: z
      .int()
      .min(1)
      .max(60_000)
      .default(50)
      .describe('How often to look for records and owners from other processes, in milliseconds.'),
    durable: z
      .boolean()
      .default(true)
      .describe(
        'Wait for the disk at each commit. Without it a power failure, though not a crash, can undo commits.',
      ),
    takeOver: z
      .boolean()
      .default(false)
      .describe(
        'Take partitions from another living process that consumes them, instead of stopping with an error.',
      ),
  })
  .describe('The embedded log in the folder of the run.');

export type EmbeddedConfig = z.output<typeof embeddedConfig>;
