/** Walks an embedded log: its pages, what is beside the records, and every record. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openChecksums } from '../topics/embedded/checksums.ts';
import { Damaged } from '../topics/embedded/damage.ts';
import { PIECE, wrongPieces } from '../topics/embedded/key-hashes.ts';
import { checkFile } from '../topics/embedded/lmdb-pages.ts';
import { LogFile } from '../topics/embedded/log-file.ts';
import { LogReader } from '../topics/embedded/log-reader.ts';
import type { StoredTopic } from '../topics/embedded/log-store.ts';
import { damaged, type Finding } from './verify-finding.ts';

/** Records looked at in one go; where one is damaged, these are looked at one by one. */
const PAGE_ENTRIES = 1000;
const PAGE_BYTES = 8 * 2 ** 20;
/** Of a partition, so many damaged records are named. */
const NAMED = 3;

interface RunFolder {
  readonly folder: string;
  readonly run: string;
}

/** The topics of a run on the embedded log, one by one. */
export async function* verifyLog({ folder, run }: RunFolder): AsyncGenerator<Finding, void> {
  const path = join(folder, run, 'log');
  const data = join(path, 'data.mdb');
  if (!existsSync(data)) return;
  try {
    checkFile(data, { wholeUpTo: Number.POSITIVE_INFINITY });
  } catch (error) {
    yield damaged('log', error);
    return;
  }
  const checksums = await openChecksums();
  let file: LogFile;
  try {
    file = LogFile.open({ run, folder: path, access: 'read', mapBytes: 2 ** 20, durable: true, checksums });
  } catch (error) {
    yield damaged('log', error);
    return;
  }
  const reader = new LogReader(run, file, { pollMs: 1000, pageBytes: PAGE_BYTES });
  try {
    const { isSealed } = file.values;
    yield {
      part: 'log',
      state: isSealed ? 'whole' : 'unchecked',
      says: isSealed ? 'pages, topics and progress' : 'pages; an earlier version wrote it, without checksums',
    };
    for (const { name, partitions } of reader.topics()) {
      for (let partition = 0; partition < partitions; partition++)
        yield verifyPartition(reader, { topic: reader.topic(name), partition, isSealed });
    }
  } finally {
    reader.close();
  }
}

interface PartitionOf {
  readonly topic: StoredTopic;
  readonly partition: number;
  readonly isSealed: boolean;
}

function verifyPartition(reader: LogReader, { topic, partition, isSealed }: PartitionOf): Finding {
  const part = `topic ${topic.name}${topic.partitions > 1 ? `, partition ${partition}` : ''}`;
  const end = reader.end(topic, partition);
  const bad: string[] = [];
  let [from, count, records] = [0, PAGE_ENTRIES, 0];
  while (from < end) {
    try {
      const until = count === 1 ? from + 1 : end;
      const options = { from, until, maxEntries: count, maxBytes: PAGE_BYTES };
      const { entries, next } = reader.page(topic, partition, options);
      from = next;
      records += entries.length;
      if (from % PAGE_ENTRIES === 0) count = PAGE_ENTRIES;
    } catch (error) {
      if (count === 1) {
        const { cause, message } = error as Error;
        bad.push(cause instanceof Damaged ? cause.message : message);
        from++;
      }
      count = 1;
    }
  }
  if (bad.length > 0) {
    const more = bad.length > NAMED ? `; and ${bad.length - NAMED} more` : '';
    return {
      part,
      state: 'damaged',
      says: `${bad.length} of ${records + bad.length} records: ${bad.slice(0, NAMED).join('; ')}${more}`,
    };
  }
  const wrong = wrongHashes(reader, { topic, partition, end });
  if (wrong !== null) return { part, state: 'damaged', says: `${records} records are whole; ${wrong}` };
  return { part, state: isSealed ? 'whole' : 'unchecked', says: `${records} records`, records };
}

/** What is wrong with the hashes by which records are looked up; null: nothing. */
function wrongHashes(reader: LogReader, of: Parameters<typeof wrongPieces>[1]): string | null {
  try {
    const [first] = reader.snapshot(() => wrongPieces(reader.file.values, of));
    return first === undefined
      ? null
      : `the hashes of keys from offset ${first * PIECE} on are of other keys`;
  } catch (error) {
    const { cause, message } = error as Error;
    return cause instanceof Damaged ? cause.message : message;
  }
}
