/**
 * The two headers of an LMDB file. LMDB writes them in turn and begins with the one of the newer transaction,
 * so that a changed bit in them could bring back an older state of the whole log without a word.
 *
 * Layouts: `MDB_page`, `MDB_meta` and `MDB_db` in `mdb.c` of lmdb 3.5, data version 2, 64-bit, little-endian.
 */
import { fstatSync, readSync } from 'node:fs';
import { Damaged } from './damage.ts';

/** Pages of the file that cannot be what LMDB wrote. */
export class BrokenPages extends Damaged {}

export const PAGE_HEADER = 24;
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const NO_PAGE = 0xffffffffffffffffn;
const META = 0x08;
/** Says of a header how it came to the disk (`MDB_OVERLAPPINGSYNC`), not what there is. */
const OVERLAPPING_SYNC = 0x1000;
/** No tree is deeper than LMDB's cursor stack (`CURSOR_STACK`). */
const MAX_DEPTH = 32;
const META_BYTES = PAGE_HEADER + 136;

export interface Tree {
  /** Null when it is empty. */
  readonly root: number | null;
  readonly depth: number;
  readonly flags: number;
  /** How much there is in it. */
  readonly branches: number;
  readonly leaves: number;
  /** Pages of values that have pages of their own. */
  readonly overflow: number;
  readonly entries: number;
}

export interface Meta {
  readonly pageSize: number;
  readonly transaction: bigint;
  /** Pages that the transaction knows of; the last ones may never have been written. */
  readonly pages: number;
  /** LMDB's own list of free pages, by transaction, and the log. */
  readonly trees: readonly [free: Tree, log: Tree];
}

/** The newer header, after both were checked against each other. Throws `BrokenPages`. */
export function readMeta(file: number): Meta {
  return readMetas(file)[0];
}

/** Both headers, the newer one first. Throws as `readMeta`. */
export function readMetas(file: number): readonly [newer: Meta, older: Meta] {
  const first = parseMeta(file, 0);
  const second = parseMeta(file, first.pageSize);
  const flags = (meta: Meta) => meta.trees.map((tree) => tree.flags & ~OVERLAPPING_SYNC).join();
  if (first.pageSize !== second.pageSize || flags(first) !== flags(second)) {
    throw new BrokenPages('page 0 and page 1, its two headers, contradict each other');
  }
  const [a, b] = [first.transaction, second.transaction];
  // A new file has made none; the first header is of even transactions, the second of odd ones.
  const inTurn = (a === 0n && b === 0n) || (a % 2n === 0n && (a - b === 1n || b - a === 1n));
  if (!inTurn) throw new BrokenPages(`page 0 and page 1, its two headers, are of transactions ${a} and ${b}`);
  for (const meta of [first, second]) checkRoot(file, meta);
  return b > a ? [second, first] : [first, second];
}

/** The bytes that say which state of the file is the newest: other ones, and somebody has written. */
export function metaBytes(file: number): Buffer {
  const first = readAt(file, 0, META_BYTES);
  const pageSize = first.readUInt32LE(PAGE_HEADER + 24);
  const bytes = Buffer.alloc(2 * META_BYTES);
  first.copy(bytes);
  if (pageSize <= 65536) readSync(file, bytes, META_BYTES, META_BYTES, pageSize);
  return bytes;
}

export function readAt(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  const read = readSync(file, bytes, 0, length, position);
  if (read < length) throw new BrokenPages(`it ends at byte ${position + read}, before page header or data`);
  return bytes;
}

/** Each transaction writes the root of the log anew, and the one before it stays until the next. */
function checkRoot(file: number, { pageSize, transaction, trees }: Meta): void {
  const { root } = trees[1];
  if (root === null) return;
  if (fstatSync(file).size < (root + 1) * pageSize) {
    throw new BrokenPages(`page ${root} is missing: the file ends before it`);
  }
  const page = readAt(file, root * pageSize, PAGE_HEADER);
  const found = page.readBigUInt64LE(8);
  if (Number(page.readBigUInt64LE(0)) === root && found !== transaction) {
    throw new BrokenPages(`page ${root}, a root, is of transaction ${found} instead of ${transaction}`);
  }
}

function parseMeta(file: number, at: number): Meta {
  const bytes = readAt(file, at, META_BYTES);
  const [flags, magic] = [bytes.readUInt16LE(18), bytes.readUInt32LE(PAGE_HEADER)];
  if (flags !== META || magic !== MAGIC) throw new BrokenPages('it does not begin like an LMDB file');
  const version = bytes.readUInt32LE(PAGE_HEADER + 4) & 0xffff;
  if (version !== DATA_VERSION)
    throw new BrokenPages(`LMDB data version ${version} instead of ${DATA_VERSION}`);
  const trees = [PAGE_HEADER + 24, PAGE_HEADER + 72] as const;
  const pageSize = bytes.readUInt32LE(trees[0]);
  if (pageSize < 512 || pageSize > 65536 || (pageSize & (pageSize - 1)) !== 0) {
    throw new BrokenPages(`a page size of ${pageSize}`);
  }
  return {
    pageSize,
    transaction: bytes.readBigUInt64LE(PAGE_HEADER + 128),
    pages: Number(bytes.readBigUInt64LE(PAGE_HEADER + 120)) + 1,
    trees: [parseTree(bytes, trees[0]), parseTree(bytes, trees[1])],
  };
}

function parseTree(bytes: Buffer, at: number): Tree {
  const count = (offset: number) => Number(bytes.readBigUInt64LE(at + offset));
  const root = bytes.readBigUInt64LE(at + 40);
  const depth = bytes.readUInt16LE(at + 6);
  if (depth > MAX_DEPTH) throw new BrokenPages(`a tree that is ${depth} pages deep`);
  return {
    root: root === NO_PAGE ? null : Number(root),
    depth,
    flags: bytes.readUInt16LE(at + 4),
    branches: count(8),
    leaves: count(16),
    overflow: count(24),
    entries: count(32),
  };
}
