/**
 * A small LMDB file beside the runs, for several processes at once. Commits do not wait for the disk: they
 * outlast the process, but a power failure can undo the last ones, or damage the file, which is then set aside.
 */
import { existsSync, readdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { TransportError } from '../errors.ts';
import { makeWholeFolder } from '../make-folder.ts';
import { Damaged } from '../topics/embedded/damage.ts';
import { checkFile } from '../topics/embedded/lmdb-pages.ts';

const DATA_FILE = 'data.mdb';
const MARK_KEY = Buffer.from([0]);

export interface StoreOptions {
  readonly folder: string;
  /** What is in it, and of which version, such as `swirl answers 1`. */
  readonly mark: string;
  /** Hears that a damaged file was set aside. */
  readonly notify: (message: string) => void;
}

interface Write {
  readonly apply: () => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/** LMDB allows one environment per file and process. */
const openStores = new Map<string, Store>();

export class Store {
  readonly folder: string;
  readonly #db: RootDatabase<Buffer, Buffer>;
  #users = 1;
  #waiting: Write[] = [];

  private constructor(folder: string, db: RootDatabase<Buffer, Buffer>) {
    this.folder = folder;
    this.#db = db;
  }

  /**
   * Opens the store, made if missing, or shares the one that this process has open; each call needs its own
   * `close`. A damaged file is moved to `FOLDER.damaged`, in place of an earlier one. Throws a `TransportError` where
   * the folder cannot be used, or holds something else.
   */
  static open({ folder, mark, notify }: StoreOptions): Store {
    try {
      makeIfMissing(folder, mark);
      const path = realpathSync(folder);
      const shared = openStores.get(path);
      if (shared !== undefined) {
        shared.#users++;
        return shared;
      }
      try {
        checkFile(join(path, DATA_FILE));
      } catch (error) {
        if (!(error instanceof Damaged)) throw error;
        const aside = `${path}.damaged`;
        rmSync(aside, { recursive: true, force: true });
        renameSync(path, aside);
        notify(`${path} is damaged (${error.message}): it was set aside as ${aside}, and is begun anew`);
        makeIfMissing(path, mark);
      }
      const store = new Store(path, database(path));
      const found = store.get(MARK_KEY)?.toString();
      if (found !== mark) {
        void store.#db.close();
        throw new TransportError(
          `expected "${mark}" in ${path}, found ${found === undefined ? 'something else' : JSON.stringify(found.slice(0, 60))}: ` +
            'choose another folder',
        );
      }
      openStores.set(path, store);
      return store;
    } catch (error) {
      if (error instanceof TransportError) throw error;
      throw new TransportError(`${folder} cannot be used: ${(error as Error).message}`, { cause: error });
    }
  }

  /**
   * Reads what is in a store, and closes it before it returns: nothing is made, locked for long or set aside. Null
   * where there is none that can be read.
   */
  static look<T>(folder: string, reads: (store: Store) => T): T | null {
    if (!hasStore(folder)) return null;
    const path = realpathSync(folder);
    const shared = openStores.get(path);
    if (shared !== undefined) return shared.read(() => reads(shared));
    let store: Store;
    try {
      checkFile(join(path, DATA_FILE));
      store = new Store(path, database(path, true));
    } catch {
      return null;
    }
    try {
      return store.read(() => reads(store));
    } finally {
      void store.#db.close();
    }
  }

  /** A value as it is now, whoever wrote it: a copy. */
  get(key: Buffer): Buffer | undefined {
    return this.read(() => {
      const found = this.#db.getBinary(key);
      return found === undefined ? undefined : Buffer.from(found);
    });
  }

  /** Runs reads on what is there now, whoever wrote it. */
  read<T>(reads: () => T): T {
    this.#db.resetReadTxn();
    try {
      return reads();
    } finally {
      this.#db.resetReadTxn();
    }
  }

  /** Within a write: what is there, and what was written before in it. */
  inWrite(key: Buffer): Buffer | undefined {
    return this.#db.getBinary(key);
  }

  put(key: Buffer, value: Buffer): void {
    this.#db.putSync(key, value);
  }

  remove(key: Buffer): void {
    this.#db.removeSync(key);
  }

  /** Keys and values from `start` up to `end`, at most so many; copies. */
  range(start: Buffer, end: Buffer, limit: number): { readonly key: Buffer; readonly value: Buffer }[] {
    const found = this.#db.getRange({ start, end, limit, snapshot: false });
    return [...found].map(({ key, value }) => ({ key: Buffer.from(key), value: Buffer.from(value) }));
  }

  /**
   * Runs `apply` in a transaction, which it shares with others that wait at the same time: it must not throw half
   * done. Resolves with its result once that is written.
   */
  write<T>(apply: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ apply, resolve: resolve as (value: never) => void, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#flush());
    });
  }

  close(): void {
    if (--this.#users > 0) return;
    this.#flush();
    openStores.delete(this.folder);
    this.#db.resetReadTxn();
    // Every write is synchronous: this closes before it returns.
    void this.#db.close();
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length === 0) return;
    const done: (() => void)[] = [];
    try {
      this.#db.transactionSync(() => {
        for (const { apply, resolve } of waiting) {
          const value = apply() as never;
          done.push(() => resolve(value));
        }
      });
    } catch (error) {
      const failed = new TransportError(`writing to ${this.folder} failed: ${(error as Error).message}`, {
        cause: error,
      });
      for (const { reject } of waiting) reject(failed);
      return;
    }
    for (const tell of done) tell();
  }
}

/** Whether there is one. */
export function hasStore(folder: string): boolean {
  return existsSync(join(folder, DATA_FILE));
}

function makeIfMissing(folder: string, mark: string): void {
  if (hasStore(folder)) return;
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    throw new TransportError(`expected an empty folder, or none, in ${folder}: choose another`);
  }
  makeWholeFolder(folder, {
    file: DATA_FILE,
    fill: (draft) => {
      const db = database(draft);
      db.transactionSync(() => db.putSync(MARK_KEY, Buffer.from(mark)));
      void db.close();
    },
  });
}

function database(path: string, readOnly = false): RootDatabase<Buffer, Buffer> {
  return open<Buffer, Buffer>({
    ...{ path, noSubdir: false, keyEncoding: 'binary', encoding: 'binary', maxDbs: 1, pageSize: 4096 },
    ...{ overlappingSync: false, noSync: true, readOnly },
  });
}
