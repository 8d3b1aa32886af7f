/** What is fed again of failures, and what is left. */
import { DataError } from '../errors.ts';
import type { OpenRun } from '../open-run.ts';
import type { Output } from '../topics/transport.ts';

/** Why failures are left as they are. */
export type Left = 'again' | 'bytes' | 'train' | 'elsewhere' | 'gone' | 'accepted' | 'underway' | 'apart';

export interface Retried {
  /** How many records were fed again, by topic. */
  readonly fed: Map<string, number>;
  readonly left: Map<Left, number>;
}

/** The failure of a record: where it stood. */
export interface Failed {
  readonly stage: string;
  readonly partition: number;
  readonly offset: number;
}

/** Of one topic, by record. */
export type FailedRecords = Map<string, Failed>;

export interface RetryTopic {
  readonly failed: FailedRecords;
  readonly done: Retried;
  /** Only looks. */
  readonly dryRun: boolean;
}

/** Records that are appended in one transaction, and their bytes. */
const BATCH = { records: 512, bytes: 8 * 1024 * 1024 };

/** Appends what belongs together in one transaction, and as much else as fits into one. */
export function appending(
  { transport }: Pick<OpenRun, 'transport'>,
  { done, dryRun }: Pick<RetryTopic, 'done' | 'dryRun'>,
) {
  let batch: Output[] = [];
  let bytes = 0;
  const flush = async () => {
    if (batch.length > 0 && !dryRun) await transport.append(batch);
    for (const { topic } of batch) count(done.fed, topic);
    batch = [];
    bytes = 0;
  };
  return {
    flush,
    add: async (together: readonly Output[]) => {
      batch.push(...together);
      for (const { value } of together) bytes += value.length;
      if (batch.length >= BATCH.records || bytes >= BATCH.bytes) await flush();
    },
  };
}

export function idIn(record: object): string | null {
  if (record instanceof DataError) return null;
  const { id } = record as { readonly id?: unknown };
  return typeof id === 'string' ? id : null;
}

export function count<K>(counts: Map<K, number>, what: K, more = 1): void {
  if (more > 0) counts.set(what, (counts.get(what) ?? 0) + more);
}
