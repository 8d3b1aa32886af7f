/** The LMDB file of one run's log: made, opened, checked for what it is, and shared within the process. */
import { accessSync, constants, existsSync, readdirSync, realpathSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { open } from 'lmdb';
import { TransportError } from '../../errors.ts';
import { makeWholeFolder } from '../../make-folder.ts';
import type { Checksums } from './checksums.ts';
import { Damaged } from './damage.ts';
import { checkFile } from './lmdb-pages.ts';
import { checkContents } from './log-contents.ts';
import { FORMATS, type Format, MARKER_KEY, NEWEST_FORMAT } from './log-format.ts';
import { markerBytes, readMarker } from './log-marker.ts';
import { type Bytes, LogValues } from './log-values.ts';
import { PageGuard } from './page-guard.ts';
import { Waiters } from './waiters.ts';

export interface LogFileOptions {
  /** The run's name: the log's marker must bear it. */
  readonly run: string;
  /** The folder that holds `data.mdb`. */
  readonly folder: string;
  /** `write` makes the log when there is none. */
  readonly access: 'read' | 'write';
  /** Address space to reserve, in bytes. */
  readonly mapBytes: number;
  /** Whether a commit waits until the disk has it. */
  readonly durable: boolean;
  readonly checksums: Checksums;
  /** Of a log that is made: whether there will be offsets without a record. */
  readonly hasGaps?: boolean;
}

const DATA_FILE = 'data.mdb';
/**
 * Of a log that is made anew: records of 1 kB take a third less room than on pages of 4 kB, and less time.
 */
const PAGE_BYTES = 8192;
/** Less free space than this, and a failed write is put down to the disk being full. */
const NEARLY_FULL_BYTES = 1024 * 1024;

/** LMDB allows one environment per file and process, so all transports of a process share it. */
const openFiles = new Map<string, LogFile>();

export class LogFile {
  readonly folder: string;
  /** Those in this process who wait for something to be appended. */
  readonly waiters = new Waiters();
  #values: LogValues;
  /** Of a log that is only read: its pages are looked at when they are read. */
  #guard: PageGuard | null;
  #users = 1;

  private constructor(folder: string, { values, guard }: Opened) {
    this.folder = folder;
    this.#values = values;
    this.#guard = guard;
  }

  /**
   * Opens the log, or shares it if this process has it open; each call needs its own `close`. Throws a
   * `TransportError` where there is no log (`read`), where it cannot be made or written (`write`), and where
   * the folder holds something else, another run's log, a newer format, or a damaged file.
   */
  static open(options: LogFileOptions): LogFile {
    if (options.access === 'write') makeIfMissing(options);
    else requireLog(options);
    const folder = realpathSync(options.folder);
    const shared = openFiles.get(folder);
    if (shared !== undefined) {
      if (options.access === 'write' && shared.#guard !== null) shared.#openForWriting(options);
      beginSnapshot(shared.db, shared.#guard);
      checkMarker(shared.db, options);
      shared.db.resetReadTxn();
      shared.#users++;
      return shared;
    }
    const file = new LogFile(folder, openChecked(options));
    openFiles.set(folder, file);
    return file;
  }

  /** The database; to be used within `snapshot` or a transaction only. */
  get db(): Bytes {
    return this.#values.db;
  }

  /** What is in it; to be used as `db`. */
  get values(): LogValues {
    return this.#values;
  }

  /**
   * Runs `reads` on one snapshot, and lets go of it at once: a snapshot that is kept keeps LMDB from reusing
   * pages.
   */
  snapshot<T>(reads: () => T): T {
    try {
      beginSnapshot(this.db, this.#guard);
      return reads();
    } catch (error) {
      throw this.failed('reading', error);
    } finally {
      this.db.resetReadTxn();
    }
  }

  /**
   * Runs `work` in one durable transaction; a throw undoes all of it and is thrown on, as a `TransportError`.
   */
  transaction<T>(work: () => T): T {
    try {
      return this.db.transactionSync(work);
    } catch (error) {
      throw this.failed('writing', error);
    }
  }

  /** The file's size in bytes. */
  size(): number {
    return statSync(join(this.folder, DATA_FILE)).size;
  }

  /** What LMDB's error means, as a `TransportError`. */
  failed(doing: string, error: unknown): TransportError {
    return storageError(doing, this.folder, error);
  }

  close(): void {
    if (--this.#users > 0) return;
    openFiles.delete(this.folder);
    this.#closeDatabase();
  }

  /** Who writes reaches pages that it did not ask for: all of them are looked at. */
  #openForWriting(options: LogFileOptions): void {
    this.#closeDatabase();
    const { values, guard } = openChecked(options);
    this.#values = values;
    this.#guard = guard;
  }

  #closeDatabase(): void {
    this.db.resetReadTxn();
    // Nothing here is ever pending (all writes are synchronous), so this closes before it returns.
    void this.db.close();
    this.#guard?.close();
  }
}

function requireLog({ folder, run }: LogFileOptions): void {
  if (existsSync(join(folder, DATA_FILE))) return;
  const runs = dirname(dirname(folder));
  const others = existsSync(runs)
    ? readdirSync(runs).filter((name) => existsSync(join(runs, name, 'log', DATA_FILE)))
    : [];
  throw new TransportError(
    `Expected the log of run "${run}" in ${folder}, found none. ` +
      (others.length > 0
        ? `Runs with a log there: ${others.sort().join(', ')}.`
        : `No run has a log in ${runs}.`),
  );
}

function makeIfMissing(options: LogFileOptions): void {
  const { folder, run, checksums, hasGaps } = options;
  try {
    const found = existsSync(folder) ? readdirSync(folder) : [];
    if (found.includes(DATA_FILE)) return;
    if (found.length > 0) {
      throw new TransportError(
        `Expected a Swirl log or an empty folder in ${folder}, found ${found.slice(0, 5).join(', ')} and no ` +
          `${DATA_FILE}. Choose another run name or folder, or move these files away.`,
      );
    }
    accessSync(nearestFolder(folder), constants.W_OK);
    makeWholeFolder(folder, {
      file: DATA_FILE,
      fill: (draft) => {
        const db = openDatabase(draft, options);
        db.transactionSync(() => db.putSync(MARKER_KEY, markerBytes(run, checksums, hasGaps)));
        void db.close();
      },
    });
  } catch (error) {
    throw storageError('making the log', folder, error);
  }
}

interface Opened {
  readonly values: LogValues;
  readonly guard: PageGuard | null;
}

function openChecked(options: LogFileOptions): Opened {
  const { folder, access } = options;
  let guard: PageGuard | null = null;
  try {
    const path = join(folder, DATA_FILE);
    if (access === 'read') guard = new PageGuard(path);
    else checkFile(path, { flags: 'r+' });
    const db = openDatabase(folder, options);
    try {
      // LMDB shows a commit of a process that was killed right after it only once somebody takes the lock.
      if (access === 'write') db.transactionSync(() => {});
      beginSnapshot(db, guard);
      const { checksum: by, hasGaps } = checkMarker(db, options);
      const checksum = by === null ? null : options.checksums[by];
      const values = new LogValues(db, { checksum, guard, hasGaps });
      checkContents(values);
      db.resetReadTxn();
      return { values, guard };
    } catch (error) {
      void db.close();
      throw error;
    }
  } catch (error) {
    guard?.close();
    throw storageError('opening the log', folder, error);
  }
}

/** What lmdb's types lack. */
interface Conditional {
  getBinaryFast(key: Uint8Array, options: { readonly ifNotTxnId: number }): object | undefined;
}

/** Lets go of the snapshot before, and begins one whose pages are looked at where there is a guard. */
function beginSnapshot(db: Bytes, guard: PageGuard | null): void {
  db.resetReadTxn();
  guard?.begin(MARKER_KEY, {
    again: () => db.resetReadTxn(),
    // lmdb gives no bytes back where it reads in the transaction that it is told not to.
    isOf: (transaction) => {
      const found = (db as unknown as Conditional).getBinaryFast(MARKER_KEY, { ifNotTxnId: transaction });
      return found !== undefined && !ArrayBuffer.isView(found);
    },
  });
}

function openDatabase(folder: string, { access, mapBytes, durable }: LogFileOptions): Bytes {
  return open<Buffer, Buffer>({
    path: folder,
    noSubdir: false,
    readOnly: access === 'read',
    keyEncoding: 'binary',
    encoding: 'binary',
    mapSize: mapBytes,
    pageSize: PAGE_BYTES,
    maxDbs: 1,
    // A commit returns when the disk has it, not before (lmdb's default is to flush later).
    overlappingSync: false,
    noSync: !durable,
  });
}

/** The format of the log. Throws where it is none of this run that this version can use. */
function checkMarker(db: Bytes, { run, folder, checksums }: LogFileOptions): Format {
  const marker = readMarker(db.getBinary(MARKER_KEY), checksums);
  if (marker === undefined) {
    throw new TransportError(`Expected a Swirl log in ${folder}, found an LMDB file of something else.`);
  }
  const format = FORMATS.get(marker.version);
  if (format === undefined) {
    throw new TransportError(
      `Expected a log of format ${NEWEST_FORMAT} or older in ${folder}, found format ${marker.version}: ` +
        'a newer Swirl wrote it. Use that version, or another run name.',
    );
  }
  if (marker.run !== run) {
    throw new TransportError(
      `Expected the log of run "${run}" in ${folder}, found that of run "${marker.run}". ` +
        'A run keeps its name when its folder is copied or moved: use that name.',
    );
  }
  return format;
}

const WAY_ON =
  '`swirl verify` says what else is. Restore the log from a copy, or start a new run (`swirl replay` from a ' +
  'topic that is whole)';

function storageError(doing: string, folder: string, error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  if (error instanceof Damaged) {
    return new TransportError(`The log in ${folder} is damaged: ${error.message}. ${WAY_ON}.`, {
      cause: error,
    });
  }
  const { code, message } = error as { code?: unknown; message?: string };
  const free = freeBytes(folder);
  // LMDB reports a write that the disk took only in part as EIO.
  const wroteTooLittle = code === 5 || code === 'EIO';
  if (
    code === 28 ||
    code === 'ENOSPC' ||
    (wroteTooLittle && free !== undefined && free < NEARLY_FULL_BYTES)
  ) {
    return new TransportError(
      `The disk is full (${doing}, ${folder}, ${free ?? 'few'} bytes free). Nothing was lost: make room and start again.`,
      { cause: error },
    );
  }
  if (['EACCES', 'EROFS', 'EPERM', 13, 30, 1].includes(code as string | number)) {
    return new TransportError(`No permission (${doing}, ${folder}): expected a folder that can be written.`, {
      cause: error,
    });
  }
  return new TransportError(`${doing} failed (${folder}): ${message ?? String(error)}.`, { cause: error });
}

/** Free bytes on the folder's disk, where the system says. */
function freeBytes(folder: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(nearestFolder(folder));
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

/** The folder itself, or the nearest one above it that exists. */
function nearestFolder(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearestFolder(dirname(folder));
}
