/**
 * Looks at the pages of a log before LMDB does, as `lmdb-pages.ts` looks at all of them, but at those alone
 * that are about to be read: of a large log that is only looked at (a tap, a trace, a page of `swirl watch`), few.
 *
 * It knows which of the two headers a snapshot began with, and goes the way that LMDB will go. Pages that a
 * process at work writes after the log was opened are not doubted, here as there.
 */
import { closeSync, openSync } from 'node:fs';
import { BrokenPages, metaBytes, readMetas } from './lmdb-meta.ts';
import {
  checkNumber,
  childOf,
  compareBytes,
  heldBy,
  isPlain,
  type Key,
  keyOf,
  LOG_KEYS,
  type Page,
  type PagedFile,
  type PlaceInTree,
  pagesOf,
  readPage,
} from './lmdb-page.ts';
import { checkFreePages, type FreePages, unlessWritten } from './lmdb-pages.ts';

/** Branch pages that are kept for one snapshot: of a log of a million records there are 140. */
const MOST_BRANCHES = 512;
/** How often to look at headers that change meanwhile, before trusting who evidently changes them. */
const ATTEMPTS = 20;

/** A state of the file that a snapshot may be of. */
interface State extends PagedFile {
  readonly root: PlaceInTree | null;
}

/** What LMDB reads of. */
interface Snapshot {
  /** Begins it with the key of `begin`, and says whether the lower 32 bits of its transaction are these. */
  isOf(transaction: number): boolean;
  /** Lets go of it, for a newer one. */
  again(): void;
}

export class PageGuard {
  readonly #file: number;
  readonly #free: FreePages;
  /** By page, whether it was looked at. */
  #seen = new Uint8Array(1024);
  readonly #branches = new Map<number, Page>();
  #headers: Buffer | null = null;
  /** Those of the two headers, the newer one first. */
  #states: readonly State[] = [];
  /** The snapshot's; null where it is not known, and nothing is looked at. */
  #state: State | null = null;
  #leafMemory: Buffer = Buffer.alloc(0);

  /** Throws `BrokenPages` where the headers or the lists of free pages cannot be what LMDB wrote. */
  constructor(path: string) {
    this.#file = openSync(path, 'r');
    try {
      this.#free = checkFreePages(this.#file);
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  /** Before the first read of a snapshot: finds out which one it is. */
  begin(key: Uint8Array, snapshot: Snapshot): void {
    const sought = keyAt(key);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      // Both, since the snapshot is of the older one where the newer one's writer was killed right after.
      unlessWritten(this.#file, ATTEMPTS, () => {
        this.#readHeaders();
        for (const state of this.#states) this.#walk(state, sought, null);
      });
      const isOf = ({ meta }: State) => snapshot.isOf(Number(meta.transaction & 0xffffffffn));
      this.#state = this.#states.find(isOf) ?? null;
      if (this.#state !== null) return;
      snapshot.again();
    }
  }

  /** Before LMDB reads the values of keys from `start` on and before `end`; of one key without `end`. */
  touch(start: Uint8Array, end?: Uint8Array): void {
    if (this.#state !== null) this.#walk(this.#state, keyAt(start), end === undefined ? null : keyAt(end));
  }

  #readHeaders(): void {
    const headers = metaBytes(this.#file);
    if (this.#headers?.equals(headers) === true) return;
    this.#headers = null;
    this.#branches.clear();
    this.#states = readMetas(this.#file).map((meta) => {
      const { root, depth: height } = meta.trees[1];
      const place = { height, transaction: meta.transaction, least: null, bound: null };
      const pagesInFile = pagesOf(this.#file, meta);
      return {
        file: this.#file,
        meta,
        pagesInFile,
        root: root === null ? null : { ...place, pageNumber: root },
      };
    });
    if (metaBytes(this.#file).equals(headers)) this.#headers = headers;
  }

  #walk(state: State, start: Key, end: Key | null): void {
    if (state.root !== null) this.#visit(state, state.root, start, end);
  }

  #visit(state: State, place: PlaceInTree, start: Key, end: Key | null): void {
    if (place.height === 1) {
      this.#checkLeaf(state, place);
      return;
    }
    const page = this.#branch(state, place);
    const { length } = page.nodes;
    for (let i = childWith(page, start); i < length; i++) {
      this.#visit(state, childOf(page, i, place), start, end);
      // To see that there is no more, LMDB looks at what comes after; for one key it does not.
      if (end === null || (i > 0 && compareBytes(keyOf(page, i), end) > 0)) return;
    }
  }

  #branch(state: State, place: PlaceInTree): Page {
    const { pageNumber } = place;
    const known = this.#branches.get(pageNumber);
    if (known !== undefined) return known;
    if (this.#branches.size >= MOST_BRANCHES) this.#branches.clear();
    checkNumber(state, pageNumber);
    const page = readPage(state, place, LOG_KEYS, Buffer.allocUnsafe(state.meta.pageSize));
    this.#checkInUse(state, pageNumber, page.transaction);
    this.#branches.set(pageNumber, page);
    return page;
  }

  #checkLeaf(state: State, place: PlaceInTree): void {
    const { pageNumber } = place;
    if (this.#seen[pageNumber] === 1) return;
    checkNumber(state, pageNumber);
    if (this.#leafMemory.length !== state.meta.pageSize)
      this.#leafMemory = Buffer.allocUnsafe(state.meta.pageSize);
    const page = readPage(state, place, LOG_KEYS, this.#leafMemory);
    this.#checkInUse(state, pageNumber, page.transaction);
    for (let i = 0; i < page.nodes.length; i++) {
      if (isPlain(page, i)) continue;
      const { first, count } = heldBy(state, page, i, pageNumber);
      for (let own = first; own < first + count; own++) this.#checkInUse(state, own, page.transaction);
    }
    if (pageNumber >= this.#seen.length) {
      const seen = new Uint8Array(Math.max(state.pagesInFile, 2 * this.#seen.length));
      seen.set(this.#seen);
      this.#seen = seen;
    }
    this.#seen[pageNumber] = 1;
  }

  /** A page that was free when the log was opened, and was not written since, is a forgotten one. */
  #checkInUse({ meta }: State, pageNumber: number, transaction: bigint): void {
    const { transaction: at, use } = this.#free;
    // The older header's own pages are free for the newer one.
    if (meta.transaction < at || transaction > at || (use[pageNumber] ?? 0) === 0) return;
    throw new BrokenPages(`page ${pageNumber} is used, and listed as free`);
  }
}

function keyAt(bytes: Uint8Array): Key {
  return { bytes: bytes as Buffer, at: 0, length: bytes.length };
}

/** The last node of a branch that begins at the key or before it. */
function childWith(page: Page, key: Key): number {
  let [low, high] = [0, page.nodes.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (compareBytes(keyOf(page, middle), key) <= 0) low = middle;
    else high = middle - 1;
  }
  return low;
}
