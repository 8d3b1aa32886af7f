/**
 * One page of an LMDB file, and whether it can be what LMDB wrote there: filled without gaps, with keys in
 * order and within the bounds that the pages above say, of a transaction that is not newer than theirs.
 *
 * Layouts: `MDB_page`, `MDB_node` and `MDB_ovpage` in `mdb.c` of lmdb 3.5, 64-bit, little-endian.
 */
import { fstatSync, readSync } from 'node:fs';
import { BrokenPages, type Meta, PAGE_HEADER, readAt } from './lmdb-meta.ts';

const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
const BIG_DATA = 0x01;
const NODE_HEADER = 8;

/** The file as the newest transaction that is looked at knows it. */
export interface PagedFile {
  readonly file: number;
  readonly meta: Meta;
  readonly pagesInFile: number;
}

export function pagesOf(file: number, { pageSize }: Meta): number {
  return Math.floor(fstatSync(file).size / pageSize);
}

/** Throws `BrokenPages` where there is no such page that can hold something. */
export function checkNumber({ meta, pagesInFile }: Omit<PagedFile, 'file'>, pageNumber: number): void {
  if (pageNumber >= pagesInFile)
    throw new BrokenPages(`page ${pageNumber} is missing: the file ends after ${pagesInFile} pages`);
  if (pageNumber < 2 || pageNumber >= meta.pages)
    throw new BrokenPages(`page ${pageNumber} of ${meta.pages} is none that can be used`);
}

export interface PlaceInTree {
  readonly pageNumber: number;
  /** How many pages there are from this one down to a leaf, both included. */
  readonly height: number;
  /** That of the page above: this one is not newer. */
  readonly transaction: bigint;
  /** The page's keys are from here on, and before there; null: any. */
  readonly least: Key | null;
  readonly bound: Key | null;
}

/** A key where it stands. */
export interface Key {
  readonly bytes: Buffer;
  readonly at: number;
  readonly length: number;
}

export interface Page {
  readonly bytes: Buffer;
  readonly transaction: bigint;
  /** Where each node begins, in the order of the keys. */
  readonly nodes: Uint16Array;
}

type CompareKeys = (a: Key, b: Key) => number;

/** Which keys a tree has, and their order. */
export interface KeyKind {
  readonly compare: CompareKeys;
  readonly isKey: (key: Key) => boolean;
}

/**
 * Reads a page into `bytes`, of a page's size, and looks at all of it but its values. Throws `BrokenPages`.
 */
export function readPage(on: PagedFile, place: PlaceInTree, kind: KeyKind, bytes: Buffer): Page {
  const { pageNumber, height, transaction } = place;
  const position = pageNumber * on.meta.pageSize;
  const read = readSync(on.file, bytes, 0, on.meta.pageSize, position);
  if (read < on.meta.pageSize)
    throw new BrokenPages(`it ends at byte ${position + read}, before page header or data`);
  const number = bytes.readBigUInt64LE(0);
  if (Number(number) !== pageNumber)
    throw new BrokenPages(`page ${pageNumber} says that it is page ${number}`);
  const own = bytes.readBigUInt64LE(8);
  if (own > transaction) {
    throw new BrokenPages(
      `page ${pageNumber} is of transaction ${own}, and what leads to it of ${transaction}`,
    );
  }
  const isLeaf = height === 1;
  const flags = bytes.readUInt16LE(18);
  const expected = isLeaf ? LEAF : BRANCH;
  if (flags !== expected)
    throw new BrokenPages(`page ${pageNumber} has flags ${flags} instead of ${expected}`);
  const page = { bytes, transaction: own, nodes: nodesOf(bytes, pageNumber, isLeaf) };
  checkKeys(page, place, kind);
  return page;
}

/** The nodes' places. They fill the page's end without gaps. */
function nodesOf(page: Buffer, pageNumber: number, isLeaf: boolean): Uint16Array {
  const lower = page.readUInt16LE(20);
  const upper = page.readUInt16LE(22);
  const room = page.length - PAGE_HEADER;
  if (lower % 2 !== 0 || lower > upper || upper > room)
    throw new BrokenPages(`page ${pageNumber} has impossible bounds (${lower}, ${upper} of ${room})`);
  const nodes = new Uint16Array(lower / 2);
  for (let i = 0; i < nodes.length; i++) {
    const at = page.readUInt16LE(PAGE_HEADER + 2 * i);
    if (at < upper || at + NODE_HEADER > room)
      throw new BrokenPages(`page ${pageNumber} points outside itself`);
    nodes[i] = PAGE_HEADER + at;
  }
  let end = PAGE_HEADER + upper;
  for (const at of nodes.slice().sort()) {
    const length = lengthOf(page, at, isLeaf);
    if (at !== end || at + length > page.length)
      throw new BrokenPages(`page ${pageNumber} has a key or value beyond its end, or gaps between them`);
    end = at + length;
  }
  if (end !== page.length) throw new BrokenPages(`page ${pageNumber} has fewer entries than it had`);
  return nodes;
}

/** Of a node with its key and what it holds; nodes begin at even places. */
function lengthOf(page: Buffer, node: number, isLeaf: boolean): number {
  const isBig = isLeaf && (page.readUInt16LE(node + 4) & BIG_DATA) !== 0;
  const data = isBig ? PAGE_HEADER : isLeaf ? sizeOf(page, node) : 0;
  const length = NODE_HEADER + page.readUInt16LE(node + 6) + data;
  return length + (length % 2);
}

/** Of a leaf's value. */
function sizeOf(page: Buffer, node: number): number {
  return page.readUInt16LE(node) + page.readUInt16LE(node + 2) * 2 ** 16;
}

/** Keys are in order, within the bounds of the pages above, and of the kind that their tree has. */
function checkKeys(page: Page, { pageNumber, height, least, bound }: PlaceInTree, kind: KeyKind): void {
  let before = least;
  // A branch's first key stands for everything before the second, and is left out.
  const first = height > 1 ? 1 : 0;
  for (let i = first; i < page.nodes.length; i++) {
    const key = keyOf(page, i);
    const order = !kind.isKey(key) ? 1 : before === null ? -1 : kind.compare(before, key);
    // The first key may be the bound itself.
    const inOrder = order < 0 || (order === 0 && i === 0);
    if (!inOrder || (bound !== null && i === page.nodes.length - 1 && kind.compare(key, bound) >= 0))
      throw new BrokenPages(`page ${pageNumber} has an impossible key, or keys out of order`);
    before = key;
  }
}

export function keyOf({ bytes, nodes }: Page, i: number): Key {
  const node = nodes[i] as number;
  return { bytes, at: node + NODE_HEADER, length: bytes.readUInt16LE(node + 6) };
}

/** The page that a branch's node leads to, with what is to be found there. */
export function childOf(page: Page, i: number, place: PlaceInTree): PlaceInTree {
  const { bytes, nodes, transaction } = page;
  const node = nodes[i] as number;
  return {
    pageNumber:
      bytes.readUInt16LE(node) +
      bytes.readUInt16LE(node + 2) * 2 ** 16 +
      bytes.readUInt16LE(node + 4) * 2 ** 32,
    height: place.height - 1,
    transaction,
    least: i === 0 ? place.least : keyOf(page, i),
    bound: i + 1 === nodes.length ? place.bound : keyOf(page, i + 1),
  };
}

/** What a leaf's node holds: bytes within the page, or pages of their own. */
export interface Held {
  /** A view of the page's bytes; null where the value has pages of its own. */
  readonly value: Buffer | null;
  readonly size: number;
  /** Those pages. */
  readonly first: number;
  readonly count: number;
}

const NOTHING_MORE = { first: 0, count: 0 };

/** Throws `BrokenPages` where pages of its own are not what the node says. */
export function heldBy(on: PagedFile, page: Page, i: number, pageNumber: number): Held {
  const { bytes, nodes } = page;
  const node = nodes[i] as number;
  const size = sizeOf(bytes, node);
  const flags = bytes.readUInt16LE(node + 4);
  const at = node + NODE_HEADER + bytes.readUInt16LE(node + 6);
  if (flags === 0) return { value: bytes.subarray(at, at + size), size, ...NOTHING_MORE };
  if (flags !== BIG_DATA) throw new BrokenPages(`page ${pageNumber} has a value with flags ${flags}`);
  const { pageSize, transaction } = on.meta;
  const first = Number(bytes.readBigUInt64LE(at));
  const count = Number(bytes.readBigUInt64LE(at + 16));
  if (count !== Math.ceil((PAGE_HEADER + size) / pageSize) || first + count > on.pagesInFile)
    throw new BrokenPages(`a value in pages ${first} to ${first + count - 1} of ${on.pagesInFile}`);
  const head = readAt(on.file, first * pageSize, PAGE_HEADER);
  const isHead = Number(head.readBigUInt64LE(0)) === first && head.readUInt16LE(18) === OVERFLOW;
  const isNewer = head.readBigUInt64LE(8) > transaction;
  if (!isHead || isNewer || head.readUInt32LE(20) !== count)
    throw new BrokenPages(`page ${first} is not the value that page ${pageNumber} says`);
  return { value: null, size, first, count };
}

/** Whether a leaf's node holds nothing but bytes within the page: most do, and need no second look. */
export function isPlain({ bytes, nodes }: Page, i: number): boolean {
  return bytes.readUInt16LE((nodes[i] as number) + 4) === 0;
}

/** The log's keys, in the order of their bytes. */
export const LOG_KEYS: KeyKind = { compare: compareBytes, isKey: ({ length }) => length > 0 };

export function compareBytes(a: Key, b: Key): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a.bytes[a.at + i] as number) - (b.bytes[b.at + i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
