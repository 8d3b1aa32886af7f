/**
 * Vectors in 8 bits, in memory: a quarter of their size, and compared several at once (WebAssembly's 128-bit
 * vectors). What a comparison can be wrong by is known, so that it says which vectors cannot be among the nearest.
 */
import { WASM_PAGE, type WasmMemory, wasmExports, wasmMemory } from '../../../wasm.ts';
import { PRODUCTS_WASM } from './products.generated.ts';
import type { Vectors } from './vectors.ts';

interface Products {
  readonly products: (row: number, rows: number, stride: number, query: number, out: number) => void;
}

/** Rows that are compared at once. */
const ROWS = 8192;
/** What WebAssembly's memory can have. */
const MOST_BYTES = 65_535 * WASM_PAGE;
/** The largest of 8 bits with a sign. */
const MOST = 127;
/** What a row takes beside its numbers. */
const ROW_FIELDS = 12;

export interface FilterOptions {
  /** How much memory the numbers may take; vectors beyond it are not in the filter. */
  readonly cacheBytes: number;
  readonly signal: AbortSignal;
  /** Hears how many vectors were read; may wait. */
  readonly onRead: (vectors: number) => Promise<void>;
}

/** A query as the filter wants it. */
export interface Coarse {
  readonly unit: number;
  /** What the error of a row counts, and what its length. */
  readonly ofError: number;
  readonly ofLength: number;
}

/**
 * Row x is `scale * numbers + e` with |e| at most `error`, |x| at most `length`; a query q is `unit * numbers + f`. So the
 * product of x and q is that of the numbers, scaled, give or take |e| |q - f| + |x| |f| (Cauchy and Schwarz).
 */
export class Filter {
  /** Vectors that are in it: the first ones. */
  readonly size: number;
  readonly scales: Float32Array;
  readonly errors: Float32Array;
  readonly lengths: Float32Array;
  readonly #stride: number;
  readonly #memory: WasmMemory;
  readonly #products: Products['products'];
  readonly #outAt: number;
  readonly #rowsAt: number;

  private constructor(size: number, stride: number, memory: WasmMemory, products: Products['products']) {
    this.size = size;
    this.scales = new Float32Array(size);
    this.errors = new Float32Array(size);
    this.lengths = new Float32Array(size);
    this.#stride = stride;
    this.#memory = memory;
    this.#products = products;
    this.#outAt = stride * 2;
    this.#rowsAt = firstRow(stride);
  }

  /** Reads all vectors. Throws `DataError` where a byte is another than was written. */
  static async of(vectors: Vectors, { cacheBytes, signal, onRead }: FilterOptions): Promise<Filter> {
    const stride = Math.ceil(vectors.width / 16) * 16;
    const room = Math.min(cacheBytes, MOST_BYTES - firstRow(stride));
    const size = Math.min(vectors.size, Math.floor(room / (stride + ROW_FIELDS)));
    const memory = wasmMemory(firstRow(stride) + size * stride);
    const { products } = await wasmExports<Products>(PRODUCTS_WASM, { memory });
    const filter = new Filter(size, stride, memory, products);
    const { rowsAtOnce, width } = vectors;
    for (let piece = 0, from = 0; from < size; piece++, from += rowsAtOnce) {
      const numbers = vectors.piece(piece);
      const rows = Math.min(numbers.length / width, size - from);
      for (let row = 0; row < rows; row++)
        filter.#put(from + row, numbers.subarray(row * width, (row + 1) * width));
      await onRead(from + rows);
      signal.throwIfAborted();
    }
    return filter;
  }

  /** Puts the query where it is compared from. */
  ask(query: Float32Array): Coarse {
    // The largest with which no sum of a row's products exceeds 32 bits.
    const most = Math.min(32_767, Math.floor((2 ** 31 - 1) / (MOST * this.#stride)));
    const unit = largestOf(query) / most;
    const into = new Int16Array(this.#memory.buffer, 0, this.#stride).fill(0);
    let [whole, rounded, error] = [0, 0, 0];
    for (let i = 0; i < query.length; i++) {
      const number = unit === 0 ? 0 : Math.max(-most, Math.min(most, Math.round(query[i] / unit)));
      into[i] = number;
      whole += query[i] ** 2;
      rounded += (unit * number) ** 2;
      error += (query[i] - unit * number) ** 2;
    }
    // What 64 bits round away, here and in the whole product, is far less than is added.
    const slack = (query.length + 64) * 2 ** -50;
    return {
      unit,
      ofError: Math.sqrt(rounded) * (1 + slack),
      ofLength: Math.sqrt(error) * (1 + slack) + Math.sqrt(whole) * slack,
    };
  }

  /** The products of the numbers of the rows from one on with those of the query last asked, as many as it says. */
  productsFrom(from: number): Int32Array {
    const rows = Math.min(ROWS, this.size - from);
    this.#products(this.#rowsAt + from * this.#stride, rows, this.#stride, 0, this.#outAt);
    return new Int32Array(this.#memory.buffer, this.#outAt, rows);
  }

  #put(row: number, numbers: Float32Array): void {
    const largest = largestOf(numbers);
    let scale = Math.fround(largest / MOST);
    // Of numbers so small that 32 bits hardly have them nothing is said but how small they are.
    if (!(largest / scale < MOST + 0.5)) scale = 0;
    const inverse = scale === 0 ? 0 : 1 / scale;
    const into = new Int8Array(this.#memory.buffer, this.#rowsAt + row * this.#stride, numbers.length);
    let [whole, error] = [0, 0];
    for (let i = 0; i < numbers.length; i++) {
      const value = numbers[i];
      const number = Math.floor(value * inverse + 0.5);
      into[i] = number;
      const rest = value - scale * number;
      whole += value * value;
      error += rest * rest;
    }
    this.scales[row] = scale;
    this.errors[row] = above(Math.sqrt(error));
    this.lengths[row] = above(Math.sqrt(whole));
  }
}

/** A number that is not less, and stays so in 32 bits. */
function above(number: number): number {
  return number === 0 ? 0 : number * (1 + 1e-6) + 1e-44;
}

function firstRow(stride: number): number {
  return stride * 2 + ROWS * 4;
}

function largestOf(numbers: Float32Array): number {
  let largest = 0;
  for (let i = 0; i < numbers.length; i++) {
    const size = Math.abs(numbers[i]);
    if (size > largest) largest = size;
  }
  return largest;
}
