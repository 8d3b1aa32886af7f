/**
 * Looks at an LMDB data file before LMDB maps it. LMDB trusts its file: garbage in its header, a page that is
 * cut off or overwritten kills the process with SIGSEGV or SIGBUS instead of throwing (lmdb 3.5.6, tried).
 *
 * Layouts: `MDB_page`, `MDB_meta`, `MDB_db`, `MDB_node` and `MDB_ovpage` in `mdb.c` of lmdb 3.5, data
 * version 2, 64-bit, little-endian.
 */
import { fstatSync, readSync } from 'node:fs';

/** What is wrong with the file; the caller says where it is and what to do. */
export class BrokenPages extends Error {}

const PAGE_HEADER = 24;
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const NO_PAGE = 0xffffffffffffffffn;
const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
const META = 0x08;
const BIG_DATA = 0x01;
/** No tree is deeper than LMDB's cursor stack (`CURSOR_STACK`). */
const MAX_DEPTH = 32;

/** Up to this size the leaves are read too: a second or two. */
const SMALL_FILE_BYTES = 2 ** 30;

interface Tree {
  /** Null when it is empty. */
  readonly root: number | null;
  readonly depth: number;
}

interface Meta {
  readonly pageSize: number;
  readonly transaction: bigint;
  /** Pages that the newest transaction knows of; the last ones may never have been written. */
  readonly pages: number;
  readonly trees: readonly Tree[];
}

/**
 * Throws `BrokenPages` unless the file begins like an LMDB file and every page that its newest transaction
 * can reach lies within the file and is well-formed. Reads every branch and leaf page, and of values that
 * have pages of their own the head; of a file beyond `wholeUpTo` bytes that is not too short, only the branch
 * pages. While another process writes, pages may be reused under the
 * reader: then it looks again, and after `attempts` times trusts the process that is evidently using it.
 */
export function checkPages(file: number, { attempts = 3, wholeUpTo = SMALL_FILE_BYTES } = {}): void {
  for (let attempt = 1; ; attempt++) {
    const meta = readMeta(file);
    try {
      const size = fstatSync(file).size;
      const pagesInFile = Math.floor(size / meta.pageSize);
      const leaves = size <= wholeUpTo || pagesInFile < meta.pages;
      const walk: Omit<Walk, 'ofFreePages'> = {
        file,
        meta,
        pagesInFile,
        leaves,
        seen: new Uint8Array(pagesInFile),
      };
      for (const [i, { root, depth }] of meta.trees.entries()) {
        if (root !== null) checkPage({ ...walk, ofFreePages: i === 0 }, root, depth);
      }
      return;
    } catch (error) {
      if (!(error instanceof BrokenPages) || readMeta(file).transaction === meta.transaction) throw error;
      if (attempt === attempts) return;
    }
  }
}

interface Walk {
  readonly file: number;
  readonly meta: Meta;
  readonly pagesInFile: number;
  /** Whether the tree is LMDB's own list of free pages, by transaction; the other one is the log. */
  readonly ofFreePages: boolean;
  /** Whether to read leaf pages. */
  readonly leaves: boolean;
  /** One for each page that was reached: a page has one parent. */
  readonly seen: Uint8Array;
}

/** `height`: how many pages there are from this one down to a leaf, both included. */
function checkPage(walk: Walk, pageNumber: number, height: number): void {
  enterPage(walk, pageNumber);
  if (height === 1 && !walk.leaves) return;
  const page = readPage(walk, pageNumber);
  const flags = page.readUInt16LE(18);
  const expected = height === 1 ? LEAF : BRANCH;
  if (flags !== expected) {
    throw new BrokenPages(`page ${pageNumber} has flags ${flags} instead of ${expected}`);
  }
  let before: Buffer | undefined;
  for (const node of nodesOf(page, pageNumber)) {
    const key = node.subarray(8, 8 + node.readUInt16LE(6));
    // A branch's first key stands for everything before the second, and is left out.
    if (height === 1 || before !== undefined) checkKey(walk, key, before, pageNumber);
    before = key;
    if (height === 1) checkValue(walk, node, pageNumber);
    else checkPage(walk, childOf(node), height - 1);
  }
}

function checkKey(
  { ofFreePages, meta }: Walk,
  key: Buffer,
  before: Buffer | undefined,
  pageNumber: number,
): void {
  const inOrder = ofFreePages
    ? key.length === 8 && key.readBigUInt64LE(0) > 0n && key.readBigUInt64LE(0) <= meta.transaction
    : key.length > 0 && (before === undefined || Buffer.compare(before, key) < 0);
  if (!inOrder) throw new BrokenPages(`page ${pageNumber} has an impossible key, or keys out of order`);
}

function enterPage({ pagesInFile, seen }: Walk, pageNumber: number): void {
  if (pageNumber >= pagesInFile) {
    throw new BrokenPages(`page ${pageNumber} is missing: the file ends after ${pagesInFile} pages`);
  }
  if (seen[pageNumber] === 1) throw new BrokenPages(`page ${pageNumber} is used twice`);
  seen[pageNumber] = 1;
}

function childOf(node: Buffer): number {
  return node.readUInt16LE(0) + node.readUInt16LE(2) * 2 ** 16 + node.readUInt16LE(4) * 2 ** 32;
}

function* nodesOf(page: Buffer, pageNumber: number): Generator<Buffer> {
  const lower = page.readUInt16LE(20);
  const upper = page.readUInt16LE(22);
  const room = page.length - PAGE_HEADER;
  if (lower % 2 !== 0 || lower > upper || upper > room) {
    throw new BrokenPages(`page ${pageNumber} has impossible bounds (${lower}, ${upper} of ${room})`);
  }
  for (let i = 0; i < lower; i += 2) {
    const at = page.readUInt16LE(PAGE_HEADER + i);
    if (at < upper || at + 8 > room) throw new BrokenPages(`page ${pageNumber} points outside itself`);
    const node = page.subarray(PAGE_HEADER + at);
    if (8 + node.readUInt16LE(6) > node.length)
      throw new BrokenPages(`page ${pageNumber} has a key beyond its end`);
    yield node;
  }
}

/** A leaf's value lies within its page, or in pages of its own that lie within the file. */
function checkValue(walk: Walk, node: Buffer, pageNumber: number): void {
  const size = node.readUInt16LE(0) + node.readUInt16LE(2) * 2 ** 16;
  const value = node.subarray(8 + node.readUInt16LE(6));
  if ((node.readUInt16LE(4) & BIG_DATA) === 0) {
    if (size > value.length) throw new BrokenPages(`page ${pageNumber} has a value beyond its end`);
    if (walk.ofFreePages) checkFreePages(walk, value.subarray(0, size), pageNumber);
    return;
  }
  if (value.length < PAGE_HEADER) throw new BrokenPages(`page ${pageNumber} has a value beyond its end`);
  const first = Number(value.readBigUInt64LE(0));
  const count = Number(value.readBigUInt64LE(16));
  if (PAGE_HEADER + size > count * walk.meta.pageSize || first + count > walk.pagesInFile) {
    throw new BrokenPages(`a value in pages ${first} to ${first + count - 1} of ${walk.pagesInFile}`);
  }
  const head = readAt(walk.file, first * walk.meta.pageSize, PAGE_HEADER);
  if (Number(head.readBigUInt64LE(0)) !== first || head.readUInt16LE(18) !== OVERFLOW) {
    throw new BrokenPages(`page ${first} is not the value that page ${pageNumber} says`);
  }
  if (walk.ofFreePages) {
    checkFreePages(walk, readAt(walk.file, first * walk.meta.pageSize + PAGE_HEADER, size), first);
  }
}

/** A count, and as many page numbers; negative ones are lengths of runs of pages. */
function checkFreePages({ meta }: Walk, list: Buffer, pageNumber: number): void {
  const room = Math.floor(list.length / 8) - 1;
  const count = room < 0 ? Number.NaN : Number(list.readBigUInt64LE(0));
  if (!(count <= room)) throw new BrokenPages(`page ${pageNumber} has an impossible list of free pages`);
  for (let i = 1; i <= count; i++) {
    const page = Number(list.readBigInt64LE(8 * i));
    if (Math.abs(page) >= meta.pages)
      throw new BrokenPages(`page ${pageNumber} lists the free page ${page} of ${meta.pages}`);
  }
}

function readPage(walk: Walk, pageNumber: number): Buffer {
  const page = readAt(walk.file, pageNumber * walk.meta.pageSize, walk.meta.pageSize);
  if (Number(page.readBigUInt64LE(0)) !== pageNumber) {
    throw new BrokenPages(`page ${pageNumber} says that it is page ${page.readBigUInt64LE(0)}`);
  }
  return page;
}

/** The newer of the two headers. */
function readMeta(file: number): Meta {
  const first = parseMeta(file, 0);
  const second = parseMeta(file, first.pageSize);
  return second.transaction > first.transaction ? second : first;
}

function parseMeta(file: number, at: number): Meta {
  const bytes = readAt(file, at, PAGE_HEADER + 144);
  if ((bytes.readUInt16LE(18) & META) === 0 || bytes.readUInt32LE(PAGE_HEADER) !== MAGIC) {
    throw new BrokenPages('it does not begin like an LMDB file');
  }
  const version = bytes.readUInt32LE(PAGE_HEADER + 4) & 0xffff;
  if (version !== DATA_VERSION)
    throw new BrokenPages(`LMDB data version ${version} instead of ${DATA_VERSION}`);
  const trees = [PAGE_HEADER + 24, PAGE_HEADER + 72];
  const pageSize = bytes.readUInt32LE(trees[0]);
  if (pageSize < 512 || pageSize > 65536 || (pageSize & (pageSize - 1)) !== 0) {
    throw new BrokenPages(`a page size of ${pageSize}`);
  }
  return {
    pageSize,
    transaction: bytes.readBigUInt64LE(PAGE_HEADER + 128),
    pages: Number(bytes.readBigUInt64LE(PAGE_HEADER + 120)) + 1,
    trees: trees.map((tree) => {
      const root = bytes.readBigUInt64LE(tree + 40);
      const depth = bytes.readUInt16LE(tree + 6);
      if (depth > MAX_DEPTH) throw new BrokenPages(`a tree that is ${depth} pages deep`);
      return { root: root === NO_PAGE ? null : Number(root), depth };
    }),
  };
}

function readAt(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  const read = readSync(file, bytes, 0, length, position);
  if (read < length) throw new BrokenPages(`it ends at byte ${position + read}, before page header or data`);
  return bytes;
}
