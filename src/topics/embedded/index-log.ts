/** Writes the hashes of keys that a log lacks because an earlier version wrote it: once, for those who look up. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { openChecksums } from './checksums.ts';
import { PIECE, writeMissingPieces } from './key-hashes.ts';
import { LogFile, type LogFileOptions } from './log-file.ts';
import { hashesKey } from './log-format.ts';
import { listTopics, partitionEnd } from './log-store.ts';

/** Fewer that are missing are read faster than the log is opened to be written. */
const WORTH_IT = 10;
/** Pieces that one transaction writes: other processes wait for it. */
const AT_ONCE = 8;

export interface IndexOptions extends Pick<LogFileOptions, 'run' | 'folder' | 'mapBytes' | 'durable'> {
  /** Hears how many records there are to be looked at, before it begins. */
  readonly begin: (records: number) => void;
  readonly signal: AbortSignal;
}

/** Nothing else of the log changes. Errors as of `openEmbeddedLog`. */
export async function indexLog({ begin, signal, ...options }: IndexOptions): Promise<void> {
  const checksums = await openChecksums();
  const looked = LogFile.open({ ...options, checksums, access: 'read' });
  const missing = missingPieces(looked);
  looked.close();
  if (missing < WORTH_IT) return;
  const file = LogFile.open({ ...options, checksums, access: 'write' });
  try {
    begin(missing * PIECE);
    for (const place of partitionsOf(file)) {
      const write = (from: number) =>
        file.transaction(() => writeMissingPieces(file.values, place, { from, most: AT_ONCE }));
      for (let from: number | null = 0; from !== null && !signal.aborted; await nextTurn())
        from = write(from);
    }
  } finally {
    file.close();
  }
}

function missingPieces(file: LogFile): number {
  if (!file.values.isSealed) return 0;
  const places = partitionsOf(file);
  return file.snapshot(() => {
    let missing = 0;
    for (const { topic, partition, end } of places) {
      const pieces = Math.floor(end / PIECE);
      const range = { start: hashesKey(topic.id, partition, 0), end: hashesKey(topic.id, partition, pieces) };
      missing += pieces - file.values.count(range);
    }
    return missing;
  });
}

function partitionsOf(file: LogFile) {
  return file.snapshot(() =>
    listTopics(file.values).flatMap((topic) =>
      Array.from({ length: topic.partitions }, (_, partition) => {
        return { topic, partition, end: partitionEnd(file.values, topic, partition).offset };
      }),
    ),
  );
}
