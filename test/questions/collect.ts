/** What the readers' tests share: everything that a reader yields, with what it left out. */
import type { DataError } from '../../src/errors.ts';
import type { ReadOptions } from '../../src/input/rows.ts';

export interface Collected<T> {
  readonly records: T[];
  readonly errors: string[];
}

/** Reads to the end, collecting what is skipped. */
export async function collect<T>(read: (options: ReadOptions) => AsyncIterable<T>): Promise<Collected<T>> {
  const collected: Collected<T> = { records: [], errors: [] };
  const skip = (error: DataError): void => {
    collected.errors.push(error.message);
  };
  for await (const record of read({ skip })) collected.records.push(record);
  return collected;
}
