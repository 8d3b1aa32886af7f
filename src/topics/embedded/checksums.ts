/** The functions that checksums of a log's values are made with, by the log's format. */
import { type WasmMemory, wasmExports } from '../../wasm.ts';
import { NH_WASM } from './nh.generated.ts';

/**
 * A checksum of 32 bits. `seed`, 32 bits without a sign, is part of it: a value's is made of where it lies. One
 * in 2^32 of other values has the same.
 */
export type Checksum = (bytes: Uint8Array, seed: number) => number;

export interface Checksums {
  /** Of what is written now: NH, on vectors of 128 bits (`nh.wat`). */
  readonly nh: Checksum;
  /** Of formats 2 and 3. */
  readonly xxh32: Checksum;
}

/** WebAssembly both: the same on every Node, and fast on short values. */
export async function openChecksums(): Promise<Checksums> {
  const { default: xxhash } = await import('xxhash-wasm');
  return { nh: await openNh(), xxh32: (await xxhash()).h32Raw };
}

/** Where the bytes to be summed begin in the memory, and how many there may be. */
const BYTES_AT = 1024;
const MOST_BYTES = 65_536;

interface NhExports {
  readonly memory: WasmMemory;
  readonly sum: (length: number, seed: number) => number;
}

async function openNh(): Promise<Checksum> {
  const { memory, sum } = await wasmExports<NhExports>(NH_WASM);
  const bytesIn = new Uint8Array(memory.buffer);
  const sumOf = (bytes: Uint8Array, seed: number): number => {
    bytesIn.set(bytes, BYTES_AT);
    return sum(bytes.length, seed) >>> 0;
  };
  return (bytes, seed) => {
    if (bytes.length <= MOST_BYTES) return sumOf(bytes, seed);
    // Longer values in pieces, each with the checksum of what is before it as its seed.
    let soFar = seed;
    for (let at = 0; at < bytes.length; at += MOST_BYTES)
      soFar = sumOf(bytes.subarray(at, at + MOST_BYTES), soFar);
    return soFar;
  };
}
