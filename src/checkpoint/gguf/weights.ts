/** The tensors of a GGUF file, as Hugging Face has them: their names, the order of their rows, f32. */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { blockNumbers, blockWords } from '../../engine/packed.ts';
import { DataError } from '../../errors.ts';
import { readFully, type TensorFile, type TensorInfo } from '../tensor-file.ts';
import { BLOCK_KINDS } from './blocks.ts';
import { familyOf, huggingFaceName } from './families.ts';
import { type GgufHeader, type GgufTensor, readGgufHeader } from './header.ts';
import { pack, packedFormat } from './pack.ts';

/** About how many numbers are decoded at once. */
const SLICE = 1 << 20;

/** A table of factors for rotary positions, which `config.json` says in other words. */
const DERIVED = 'rope_freqs.weight';

/** A tensor as it is stored, and what makes Hugging Face's of it. */
interface Stored extends GgufTensor {
  /** Numbers in a row, and how many must be changed together. */
  readonly row: number;
  readonly together: number;
  /** Rows of the tensor, so many numbers each, in Hugging Face's order. */
  readonly order: RowOrder;
  readonly change: (values: Float32Array) => Float32Array;
}

type RowOrder = <Row extends Float32Array | Uint32Array>(rows: Row, row: number) => Row;

export class GgufFile implements TensorFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly dtypes = [...BLOCK_KINDS.values()].map(({ name }) => name);
  readonly #stored: ReadonlyMap<string, Stored>;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle, header: GgufHeader) {
    this.path = path;
    this.#handle = handle;
    this.#stored = storedTensors(header, path);
    this.tensors = new Map(
      [...this.#stored].map(([name, { kind, shape, start, end }]) => [
        name,
        { dtype: kind.name, shape, start, end },
      ]),
    );
  }

  /** Opens a file and checks its header. Throws `DataError` or `ConfigError` where it is not one for Swirl. */
  static async open(path: string): Promise<GgufFile> {
    const header = readGgufHeader(path);
    const handle = await open(path, 'r');
    try {
      return new GgufFile(path, handle, header);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async readSlices(name: string, visit: (slice: Float32Array, at: number) => void): Promise<void> {
    const { kind, row, order, change } = this.#storedOf(name);
    await this.#readBlocks(name, (blocks, at) => {
      const values = new Float32Array((blocks.length / kind.bytes) * kind.values);
      kind.read(blocks, values);
      visit(change(order(values, row)), at);
    });
  }

  async readPacked(name: string, visit: (words: Uint32Array, at: number) => void): Promise<void> {
    const { kind, row, order } = this.#storedOf(name);
    const format = packedFormat(kind.name);
    if (!format) throw new DataError(`${this.path}: expected ${name} to be packed, found ${kind.name}`);
    const words = (row / blockNumbers) * blockWords(format);
    await this.#readBlocks(name, (blocks, at) => visit(order(pack(blocks, format), words), at));
  }

  /** Of the tensor's numbers, in f32. */
  async hash(name: string): Promise<string> {
    const hash = createHash('sha256');
    await this.readSlices(name, (slice) => hash.update(slice));
    return hash.digest('hex');
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #storedOf(name: string): Stored {
    const stored = this.#stored.get(name);
    if (!stored) throw new DataError(`${this.path}: expected a tensor ${name}, found none`);
    return stored;
  }

  /** A tensor's bytes in order, in whole blocks; `at` counts its numbers. */
  async #readBlocks(name: string, visit: (blocks: Buffer, at: number) => void): Promise<void> {
    const { kind, start, end, together } = this.#storedOf(name);
    const bytes = (Math.max(1, Math.floor(SLICE / together)) * together * kind.bytes) / kind.values;
    for (let from = start; from < end; from += bytes) {
      const blocks = Buffer.alloc(Math.min(bytes, end - from));
      await readFully(this.path, this.#handle, blocks, from);
      visit(blocks, ((from - start) / kind.bytes) * kind.values);
    }
  }
}

function storedTensors({ metadata, tensors }: GgufHeader, path: string): ReadonlyMap<string, Stored> {
  const family = familyOf(metadata, path);
  const heads = (key: string) => Number(metadata.get(`${family.name}.attention.${key}`));
  const headsOf = { q: heads('head_count'), k: heads('head_count_kv') || heads('head_count') };
  const stored = new Map<string, Stored>();
  for (const [ggufName, tensor] of tensors) {
    if (ggufName === DERIVED) continue;
    const name = huggingFaceName(ggufName, family);
    const row = tensor.shape.length === 1 ? 1 : (tensor.shape.at(-1) as number);
    const turned = family.turnsNeighbors ? /\.([qk])_proj\.\w+$/.exec(name)?.[1] : undefined;
    if (turned !== undefined) {
      const rows = (tensor.shape[0] as number) / headsOf[turned as 'q' | 'k'];
      if (!Number.isInteger(rows) || rows % 2 !== 0)
        throw new DataError(
          `${path}: expected ${ggufName} to have an even number of rows for each head, found ${rows}`,
        );
      const order: RowOrder = (values, row) => halves(values, { rows, row });
      stored.set(name, { ...tensor, row, together: rows * row, order, change: asItIs });
    } else {
      const change = family.normsWithOne && name.endsWith('norm.weight') ? lessOne : asItIs;
      const together = tensor.shape.at(-1) as number;
      stored.set(name, { ...tensor, row, together, order: asItIs, change });
    }
  }
  return stored;
}

const asItIs = <Values>(values: Values) => values;
const lessOne = (values: Float32Array) => values.map((value) => value - 1);

/**
 * Heads whose rows stand pair by pair (0, n/2, 1, n/2 + 1, …) with the first half of each before the second
 * (0, 1, …).
 */
function halves<Row extends Float32Array | Uint32Array>(
  values: Row,
  { rows, row }: { rows: number; row: number },
): Row {
  const ordered = values.slice() as Row;
  for (let to = 0; to < values.length / row; to++) {
    const within = to % rows;
    const from = to - within + (within % (rows / 2)) * 2 + Math.floor(within / (rows / 2));
    ordered.set(values.subarray(from * row, (from + 1) * row), to * row);
  }
  return ordered;
}
