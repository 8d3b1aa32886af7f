/**
 * Looks at an LMDB data file before LMDB maps it. LMDB trusts its file: garbage in its header, a page that is
 * cut off or overwritten kills the process with SIGSEGV or SIGBUS instead of throwing (lmdb 3.5.6, tried), and
 * a changed page number or length makes records vanish. What LMDB keeps makes that visible: every page is
 * reachable once or free, pages are filled without gaps, keys lie within the bounds that the pages above say,
 * and the header counts pages and entries. What is in the values is for their checksums (`log-values.ts`).
 *
 * Lists of free pages are laid out as in `midl.c` of lmdb 3.5.
 */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { BrokenPages, type Meta, metaBytes, PAGE_HEADER, readAt, readMeta, type Tree } from './lmdb-meta.ts';
import {
  checkNumber,
  childOf,
  heldBy,
  isPlain,
  type Key,
  type KeyKind,
  LOG_KEYS,
  type Page,
  type PagedFile,
  type PlaceInTree,
  pagesOf,
  readPage,
} from './lmdb-page.ts';

/** Up to this size the leaves are read too: a second or less. */
const SMALL_FILE_BYTES = 2 ** 30;

const [REACHED, FREE] = [1, 2];

/**
 * Throws `BrokenPages` unless the file begins like an LMDB file and every page that its newest transaction
 * can reach lies within the file and is well-formed. Reads every branch and leaf page, and of values that
 * have pages of their own the head; of a file beyond `wholeUpTo` bytes that is not too short, only the branch
 * pages. While another process writes, pages may be reused under the
 * reader: then it looks again, and after `attempts` times trusts the process that is evidently using it.
 */
export function checkPages(file: number, { attempts = 3, wholeUpTo = SMALL_FILE_BYTES } = {}): void {
  unlessWritten(file, attempts, () => {
    const meta = readMeta(file);
    const pagesInFile = pagesOf(file, meta);
    const leaves = fstatSync(file).size <= wholeUpTo || pagesInFile < meta.pages;
    const walk = { file, meta, pagesInFile, leaves, use: new Uint8Array(pagesInFile), last: { page: 1 } };
    for (const kind of [FREE_LISTS, LOG]) checkTree({ ...walk, kind });
    checkLast(walk);
  });
}

/** The same of a file by its path; `flags` as it is to be opened later. */
export function checkFile(
  path: string,
  { flags = 'r', ...options }: { readonly flags?: 'r' | 'r+'; readonly wholeUpTo?: number } = {},
): void {
  const file = openSync(path, flags);
  try {
    checkPages(file, options);
  } finally {
    closeSync(file);
  }
}

/** Which pages are of the lists of free pages, or free, as of a transaction. */
export interface FreePages {
  readonly transaction: bigint;
  /** By number; other than 0 where no value can be. */
  readonly use: Uint8Array;
}

/** The same of the headers and the lists of free pages alone. */
export function checkFreePages(file: number, { attempts = 3 } = {}): FreePages {
  const found = unlessWritten(file, attempts, () => {
    const meta = readMeta(file);
    const pagesInFile = pagesOf(file, meta);
    const use = new Uint8Array(pagesInFile);
    checkTree({ file, meta, pagesInFile, leaves: true, use, last: { page: 1 }, kind: FREE_LISTS });
    return { transaction: meta.transaction, use };
  });
  return found ?? { transaction: 0n, use: new Uint8Array(0) };
}

/** What `look` returns; undefined where another process writes too often for that. */
export function unlessWritten<T>(file: number, attempts: number, look: () => T): T | undefined {
  for (let attempt = 1; ; attempt++) {
    const before = metaBytes(file);
    try {
      return look();
    } catch (error) {
      if (!(error instanceof BrokenPages) || metaBytes(file).equals(before)) throw error;
      if (attempt === attempts) return undefined;
    }
  }
}

interface Walk extends PagedFile {
  /** Whether to read leaf pages. */
  readonly leaves: boolean;
  /** By page, whether it was reached, or is listed as free: it has one use. */
  readonly use: Uint8Array;
  /** The last of them. */
  readonly last: { page: number };
}

/** A tree of the file: LMDB's own list of free pages, by transaction, or the log. */
interface TreeKind {
  readonly tree: (meta: Meta) => Tree;
  readonly name: string;
  readonly keys: (meta: Meta) => KeyKind;
  readonly isOfFreePages: boolean;
}

const FREE_LISTS: TreeKind = {
  tree: ({ trees }) => trees[0],
  name: 'the list of free pages',
  keys: ({ transaction }) => ({
    compare: (a, b) => Number(idOf(a) - idOf(b)),
    isKey: (key) => key.length === 8 && idOf(key) > 0n && idOf(key) <= transaction,
  }),
  isOfFreePages: true,
};

const LOG: TreeKind = {
  tree: ({ trees }) => trees[1],
  name: 'the log',
  keys: () => LOG_KEYS,
  isOfFreePages: false,
};

function idOf({ bytes, at }: Key): bigint {
  return bytes.readBigUInt64LE(at);
}

interface TreeWalk extends Walk {
  readonly kind: TreeKind;
  readonly keys: KeyKind;
  /** What was found in the tree. */
  readonly found: { branches: number; leaves: number; overflow: number; entries: number };
  /** Memory for a page of each height: the pages above one are in use as long as it is. */
  readonly memory: Buffer[];
}

function checkTree({ kind, ...walk }: Walk & { readonly kind: TreeKind }): void {
  const { meta, leaves } = walk;
  const tree = kind.tree(meta);
  const found = { branches: 0, leaves: 0, overflow: 0, entries: 0 };
  const on: TreeWalk = { ...walk, kind, keys: kind.keys(meta), found, memory: [] };
  const { root, depth: height } = tree;
  if (root !== null)
    checkPage(on, { pageNumber: root, height, transaction: meta.transaction, least: null, bound: null });
  const counts = leaves ? (['branches', 'leaves', 'overflow', 'entries'] as const) : (['branches'] as const);
  const wrong = counts.find((name) => found[name] !== tree[name]);
  if (wrong === undefined) return;
  throw new BrokenPages(
    `a page: its header counts ${tree[wrong]} ${wrong} in ${kind.name}, there are ${found[wrong]}`,
  );
}

/** What is written next comes after the last page that the header knows of. */
function checkLast({ meta, last, leaves, pagesInFile }: Walk): void {
  if (leaves && meta.pages > Math.max(last.page + 1, pagesInFile))
    throw new BrokenPages(`a page: its header knows of ${meta.pages}, there are ${last.page + 1}`);
}

function checkPage(walk: TreeWalk, place: PlaceInTree): void {
  const { pageNumber, height } = place;
  enterPage(walk, pageNumber, REACHED);
  walk.found[height === 1 ? 'leaves' : 'branches']++;
  if (height === 1 && !walk.leaves) return;
  walk.memory[height] ??= Buffer.allocUnsafe(walk.meta.pageSize);
  const page = readPage(walk, place, walk.keys, walk.memory[height] as Buffer);
  const { length } = page.nodes;
  for (let i = 0; i < length; i++) {
    if (height > 1) checkPage(walk, childOf(page, i, place));
    else if (walk.kind.isOfFreePages || !isPlain(page, i)) checkValue(walk, page, i, pageNumber);
  }
  if (height === 1) walk.found.entries += length;
}

/** Notes a page's only use. */
function enterPage({ pagesInFile, meta, use, last }: Walk, pageNumber: number, as: number): void {
  last.page = Math.max(last.page, pageNumber);
  // Pages that are free may never have been written.
  if (as === FREE && pageNumber >= pagesInFile && pageNumber < meta.pages) return;
  checkNumber({ meta, pagesInFile }, pageNumber);
  const was = use[pageNumber];
  if (was !== 0)
    throw new BrokenPages(`page ${pageNumber} is ${was === as ? 'used twice' : 'used, and listed as free'}`);
  use[pageNumber] = as;
}

function checkValue(walk: TreeWalk, page: Page, i: number, pageNumber: number): void {
  const { value, size, first, count } = heldBy(walk, page, i, pageNumber);
  for (let own = first; own < first + count; own++) enterPage(walk, own, REACHED);
  walk.found.overflow += count;
  if (!walk.kind.isOfFreePages) return;
  const list = value ?? readAt(walk.file, first * walk.meta.pageSize + PAGE_HEADER, size);
  enterFreePages(walk, list, value === null ? first : pageNumber);
}

/** A count, and as many page numbers; a negative one is how many pages there are from the next one on. */
function enterFreePages(walk: Walk, list: Buffer, pageNumber: number): void {
  const { pages } = walk.meta;
  const room = Math.floor(list.length / 8) - 1;
  const count = room < 0 ? Number.NaN : Number(list.readBigUInt64LE(0));
  if (!(count <= room)) throw new BrokenPages(`page ${pageNumber} has an impossible list of free pages`);
  let length = 1;
  for (let i = 1; i <= count; i++) {
    const number = Number(list.readBigInt64LE(8 * i));
    if (Math.abs(number) >= pages)
      throw new BrokenPages(`page ${pageNumber} lists the free page ${number} of ${pages}`);
    if (number < 0) length = -number;
    if (number <= 0) continue;
    if (number + length > pages)
      throw new BrokenPages(`page ${pageNumber} lists ${length} free pages from ${number} of ${pages}`);
    for (let page = number; page < number + length; page++) enterPage(walk, page, FREE);
    length = 1;
  }
}
