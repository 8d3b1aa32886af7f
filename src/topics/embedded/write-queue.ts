/**
 * Puts writes that wait at the same time into one durable transaction: stages that commit together share
 * the wait for the disk. Each write is still all or nothing, and in the order in which it was added.
 */
import { TransportError } from '../../errors.ts';
import { HashWriter } from './key-hashes.ts';
import type { LogFile } from './log-file.ts';
import { EntryPacker } from './log-format.ts';
import { Appender } from './log-store.ts';

/** One commit or append. */
export interface Write {
  /** Bytes of keys and values. */
  readonly bytes: number;
  /** Looks, in the transaction, whether the write is still allowed; returns the error if it is not. */
  readonly refuse?: () => TransportError | undefined;
  readonly apply: (appender: Appender) => void;
}

interface Waiting {
  readonly write: Write;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface WriteQueueOptions {
  readonly file: LogFile;
  /** The largest that the file may become. */
  readonly maxLogBytes: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Room for the tree's own pages: each page on the way to a record is written anew. */
const TREE_BYTES = 128 * 1024;

export class WriteQueue {
  readonly #options: WriteQueueOptions;
  readonly #packer = new EntryPacker();
  readonly #hashes = new HashWriter();
  #waiting: Waiting[] = [];

  constructor(options: WriteQueueOptions) {
    this.#options = options;
  }

  /** Resolves when the write is durable. Rejects when it was refused, or nothing could be written. */
  add(write: Write): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ write, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.flush());
    });
  }

  /** Writes what waits, now. */
  flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    const { file, now } = this.#options;
    const errors = new Map<Waiting, unknown>();
    try {
      file.transaction(() => {
        const appender = new Appender(file.values, {
          packer: this.#packer,
          hashes: this.#hashes,
          now: now(),
        });
        let room = this.#room();
        for (const one of waiting) {
          const error = one.write.refuse?.() ?? this.#tooMuch(one.write, room);
          if (error === undefined) {
            one.write.apply(appender);
            room -= pageBytes(one.write);
          } else {
            errors.set(one, error);
          }
        }
        appender.finish();
      });
    } catch (error) {
      this.#hashes.forget();
      for (const one of waiting) if (!errors.has(one)) errors.set(one, error);
    }
    for (const one of waiting) {
      if (errors.has(one)) one.reject(errors.get(one));
      else one.resolve();
    }
    file.waiters.wakeAll();
  }

  /** lmdb grows its map by itself, so that the bound is kept here. */
  #room(): number {
    return this.#options.maxLogBytes - this.#options.file.size() - TREE_BYTES;
  }

  #tooMuch(write: Write, room: number): TransportError | undefined {
    if (pageBytes(write) <= room) return undefined;
    const { file, maxLogBytes } = this.#options;
    return new TransportError(
      `The log in ${file.folder} is full: ${file.size()} bytes of at most ${maxLogBytes}, and ${write.bytes} more to append. ` +
        'Nothing was lost: raise transport.maxLogBytes and start again, or start a new run.',
    );
  }
}

/** What a write may take on disk: values are rounded up to pages, and pages are split in halves. */
function pageBytes(write: Write): number {
  return 2 * write.bytes;
}
