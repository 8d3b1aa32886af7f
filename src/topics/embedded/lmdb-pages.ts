/**
 * Looks at an LMDB data file before LMDB maps it. LMDB trusts its file: garbage in its header, a page that is
 * cut off or overwritten kills the process with SIGSEGV or SIGBUS instead of throwing (lmdb 3.5.6, tried), and
 * a changed page number or length makes records vanish. What LMDB keeps makes that visible: every page is
 * reachable once or free, pages are filled without gaps, keys lie within the bounds that the pages above say,
 * and the header counts pages and entries. What is in the values is for their checksums (`log-seal.ts`).
 *
 * Layouts: `MDB_node` and `MDB_ovpage` in `mdb.c` of lmdb 3.5; lists of free pages as in its `midl.c`.
 */
import { fstatSync } from 'node:fs';
import { BrokenPages, type Meta, metaBytes, PAGE_HEADER, readAt, readMeta, type Tree } from './lmdb-meta.ts';

const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
const BIG_DATA = 0x01;
const NODE_HEADER = 8;

/** Up to this size the leaves are read too: a second or two. */
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
  for (let attempt = 1; ; attempt++) {
    const before = metaBytes(file);
    try {
      const meta = readMeta(file);
      const size = fstatSync(file).size;
      const pagesInFile = Math.floor(size / meta.pageSize);
      const leaves = size <= wholeUpTo || pagesInFile < meta.pages;
      checkTrees({ file, meta, pagesInFile, leaves, use: new Uint8Array(pagesInFile), last: { page: 1 } });
      return;
    } catch (error) {
      if (!(error instanceof BrokenPages) || metaBytes(file).equals(before)) throw error;
      if (attempt === attempts) return;
    }
  }
}

interface File {
  readonly file: number;
  readonly meta: Meta;
  readonly pagesInFile: number;
  /** Whether to read leaf pages. */
  readonly leaves: boolean;
  /** By page, whether it was reached, or is listed as free: it has one use. */
  readonly use: Uint8Array;
  /** The last of them. */
  readonly last: { page: number };
}

interface Walk extends File {
  /** Whether the tree is LMDB's own list of free pages, by transaction; the other one is the log. */
  readonly ofFreePages: boolean;
  /** What was found in the tree. */
  readonly found: { branches: number; leaves: number; overflow: number; entries: number };
}

function checkTrees(file: File): void {
  for (const [i, tree] of file.meta.trees.entries()) {
    const found = { branches: 0, leaves: 0, overflow: 0, entries: 0 };
    const walk: Walk = { ...file, ofFreePages: i === 0, found };
    if (tree.root !== null) {
      const place = { pageNumber: tree.root, height: tree.depth, transaction: file.meta.transaction };
      checkPage(walk, { ...place, least: null, bound: null });
    }
    checkCounts(walk, tree);
  }
  const { meta, last, leaves, pagesInFile } = file;
  // What is written next comes after the last page that the header knows of.
  if (leaves && meta.pages > Math.max(last.page + 1, pagesInFile)) {
    throw new BrokenPages(`a page: its header knows of ${meta.pages}, there are ${last.page + 1}`);
  }
}

function checkCounts({ found, leaves, ofFreePages }: Walk, tree: Tree): void {
  const counts = leaves ? (['branches', 'leaves', 'overflow', 'entries'] as const) : (['branches'] as const);
  const wrong = counts.find((name) => found[name] !== tree[name]);
  if (wrong === undefined) return;
  const of = ofFreePages ? 'the list of free pages' : 'the log';
  throw new BrokenPages(
    `a page: its header counts ${tree[wrong]} ${wrong} in ${of}, there are ${found[wrong]}`,
  );
}

interface PlaceInTree {
  readonly pageNumber: number;
  /** How many pages there are from this one down to a leaf, both included. */
  readonly height: number;
  /** That of the page above: this one is not newer. */
  readonly transaction: bigint;
  /** The page's keys are from here on, and before there; null: any. */
  readonly least: Buffer | null;
  readonly bound: Buffer | null;
}

function checkPage(walk: Walk, { pageNumber, height, transaction, least, bound }: PlaceInTree): void {
  enterPage(walk, pageNumber, REACHED);
  walk.found[height === 1 ? 'leaves' : 'branches']++;
  if (height === 1 && !walk.leaves) return;
  const page = readPage(walk, pageNumber, transaction);
  const flags = page.readUInt16LE(18);
  const expected = height === 1 ? LEAF : BRANCH;
  if (flags !== expected) {
    throw new BrokenPages(`page ${pageNumber} has flags ${flags} instead of ${expected}`);
  }
  const nodes = nodesOf(page, { pageNumber, isLeaf: height === 1 });
  // A branch's first key stands for everything before the second, and is left out.
  const keys = nodes.map((node, i) =>
    height > 1 && i === 0 ? null : node.subarray(NODE_HEADER, NODE_HEADER + node.readUInt16LE(6)),
  );
  checkKeys(walk, keys, { pageNumber, least, bound });
  for (const [i, node] of nodes.entries()) {
    if (height === 1) checkValue(walk, node, pageNumber);
    else {
      const below = { pageNumber: childOf(node), height: height - 1, transaction: page.readBigUInt64LE(8) };
      checkPage(walk, { ...below, least: keys[i] ?? least, bound: keys[i + 1] ?? bound });
    }
  }
  if (height === 1) walk.found.entries += nodes.length;
}

/** Keys are in order, within the bounds of the pages above, and of the length that their tree has. */
function checkKeys(
  { ofFreePages, meta }: Walk,
  keys: readonly (Buffer | null)[],
  { pageNumber, least, bound }: Pick<PlaceInTree, 'pageNumber' | 'least' | 'bound'>,
): void {
  const compare = ofFreePages ? byTransaction : Buffer.compare;
  const isKey = (key: Buffer) =>
    ofFreePages ? key.length === 8 && idOf(key) > 0n && idOf(key) <= meta.transaction : key.length > 0;
  let before = least;
  for (const [i, key] of keys.entries()) {
    if (key === null) continue;
    const order = !isKey(key) ? 1 : before === null ? -1 : compare(before, key);
    // The first key may be the bound itself.
    const inOrder = order < 0 || (order === 0 && i === 0);
    if (!inOrder || (bound !== null && compare(key, bound) >= 0)) {
      throw new BrokenPages(`page ${pageNumber} has an impossible key, or keys out of order`);
    }
    before = key;
  }
}

function byTransaction(a: Buffer, b: Buffer): number {
  return Number(idOf(a) - idOf(b));
}

function idOf(key: Buffer): bigint {
  return key.readBigUInt64LE(0);
}

/** Notes a page's only use. */
function enterPage({ pagesInFile, meta, use, last }: Walk, pageNumber: number, as: number): void {
  last.page = Math.max(last.page, pageNumber);
  // Pages that are free may never have been written.
  if (as === FREE && pageNumber >= pagesInFile && pageNumber < meta.pages) return;
  if (pageNumber >= pagesInFile) {
    throw new BrokenPages(`page ${pageNumber} is missing: the file ends after ${pagesInFile} pages`);
  }
  if (pageNumber < 2 || pageNumber >= meta.pages) {
    throw new BrokenPages(`page ${pageNumber} of ${meta.pages} is none that can be used`);
  }
  const was = use[pageNumber];
  if (was !== 0) {
    throw new BrokenPages(`page ${pageNumber} is ${was === as ? 'used twice' : 'used, and listed as free'}`);
  }
  use[pageNumber] = as;
}

function childOf(node: Buffer): number {
  return node.readUInt16LE(0) + node.readUInt16LE(2) * 2 ** 16 + node.readUInt16LE(4) * 2 ** 32;
}

/** The nodes of a page, in the order of their keys. They fill the page's end without gaps. */
function nodesOf(page: Buffer, of: { readonly pageNumber: number; readonly isLeaf: boolean }): Buffer[] {
  const { pageNumber, isLeaf } = of;
  const lower = page.readUInt16LE(20);
  const upper = page.readUInt16LE(22);
  const room = page.length - PAGE_HEADER;
  if (lower % 2 !== 0 || lower > upper || upper > room) {
    throw new BrokenPages(`page ${pageNumber} has impossible bounds (${lower}, ${upper} of ${room})`);
  }
  const extents: { readonly at: number; readonly length: number }[] = [];
  for (let i = 0; i < lower; i += 2) {
    const at = page.readUInt16LE(PAGE_HEADER + i);
    if (at < upper || at + NODE_HEADER > room)
      throw new BrokenPages(`page ${pageNumber} points outside itself`);
    extents.push({ at, length: lengthOf(page.subarray(PAGE_HEADER + at), isLeaf) });
  }
  let end = upper;
  for (const { at, length } of extents.toSorted((a, b) => a.at - b.at)) {
    if (at !== end || at + length > room) {
      throw new BrokenPages(`page ${pageNumber} has a key or value beyond its end, or gaps between them`);
    }
    end = at + length;
  }
  if (end !== room) throw new BrokenPages(`page ${pageNumber} has fewer entries than it had`);
  return extents.map(({ at, length }) => page.subarray(PAGE_HEADER + at, PAGE_HEADER + at + length));
}

/** Of a node with its key and what it holds; nodes begin at even places. */
function lengthOf(node: Buffer, isLeaf: boolean): number {
  const data = !isLeaf ? 0 : (node.readUInt16LE(4) & BIG_DATA) !== 0 ? PAGE_HEADER : sizeOf(node);
  const length = NODE_HEADER + node.readUInt16LE(6) + data;
  return length + (length % 2);
}

/** Of a leaf's value. */
function sizeOf(node: Buffer): number {
  return node.readUInt16LE(0) + node.readUInt16LE(2) * 2 ** 16;
}

/** A leaf's value lies within its page, or in pages of its own that lie within the file. */
function checkValue(walk: Walk, node: Buffer, pageNumber: number): void {
  const size = sizeOf(node);
  const value = node.subarray(NODE_HEADER + node.readUInt16LE(6));
  const flags = node.readUInt16LE(4);
  if (flags === 0) {
    if (walk.ofFreePages) checkFreePages(walk, value.subarray(0, size), pageNumber);
    return;
  }
  if (flags !== BIG_DATA) throw new BrokenPages(`page ${pageNumber} has a value with flags ${flags}`);
  const { pageSize } = walk.meta;
  const first = Number(value.readBigUInt64LE(0));
  const count = Number(value.readBigUInt64LE(16));
  if (count !== Math.ceil((PAGE_HEADER + size) / pageSize) || first + count > walk.pagesInFile) {
    throw new BrokenPages(`a value in pages ${first} to ${first + count - 1} of ${walk.pagesInFile}`);
  }
  for (let page = first; page < first + count; page++) enterPage(walk, page, REACHED);
  walk.found.overflow += count;
  const head = readAt(walk.file, first * pageSize, PAGE_HEADER);
  const isHead = Number(head.readBigUInt64LE(0)) === first && head.readUInt16LE(18) === OVERFLOW;
  const isNewer = head.readBigUInt64LE(8) > walk.meta.transaction;
  if (!isHead || isNewer || head.readUInt32LE(20) !== count) {
    throw new BrokenPages(`page ${first} is not the value that page ${pageNumber} says`);
  }
  if (walk.ofFreePages) {
    checkFreePages(walk, readAt(walk.file, first * pageSize + PAGE_HEADER, size), first);
  }
}

/** A count, and as many page numbers; a negative one is how many pages there are from the next one on. */
function checkFreePages(walk: Walk, list: Buffer, pageNumber: number): void {
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

function readPage({ file, meta }: Walk, pageNumber: number, transaction: bigint): Buffer {
  const page = readAt(file, pageNumber * meta.pageSize, meta.pageSize);
  if (Number(page.readBigUInt64LE(0)) !== pageNumber) {
    throw new BrokenPages(`page ${pageNumber} says that it is page ${page.readBigUInt64LE(0)}`);
  }
  const own = page.readBigUInt64LE(8);
  if (own > transaction) {
    throw new BrokenPages(
      `page ${pageNumber} is of transaction ${own}, and what leads to it of ${transaction}`,
    );
  }
  return page;
}
