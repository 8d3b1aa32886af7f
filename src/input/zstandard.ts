/**
 * Zstandard (RFC 8878), frame by frame: `fzstd` decompresses, and a frame's checksum, which fzstd steps over, is compared
 * with what came out.
 */

const MAGIC = 0xfd2fb528;
/** Of frames that are to be skipped, without the last four bits. */
const SKIPPED_MAGIC = 0x184d2a5;
/** Bytes of the header by its flags. */
const DICTIONARY_BYTES = [0, 1, 2, 4] as const;
const SIZE_BYTES = [0, 2, 4, 8] as const;
/** A block of one byte that is repeated. */
const RUN = 1;
const MOST_BLOCK_BYTES = 1 << 17;

/** The content of all frames. Throws `Error` where they are damaged or cut off. */
export async function* unZstandard(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  const source = new ByteSource(bytes);
  try {
    while (!(await source.isOver())) {
      const magic = await source.take(4);
      const number = magic.readUInt32LE();
      if (number >>> 4 === SKIPPED_MAGIC) await source.skip((await source.take(4)).readUInt32LE());
      else if (number === MAGIC) yield* frame(source, magic);
      else throw new Error('other bytes after a frame');
    }
  } finally {
    await source.close();
  }
}

async function* frame(source: ByteSource, magic: Buffer): AsyncGenerator<Uint8Array, void, void> {
  const { Decompress } = await import('fzstd');
  const { default: xxhash } = await import('xxhash-wasm');
  const sum = (await xxhash()).create64();
  let ready: Uint8Array[] = [];
  const stream = new Decompress((content) => ready.push(content));

  const flags = (await source.take(1)).readUInt8();
  const isSingle = (flags & 0x20) !== 0;
  const hasChecksum = (flags & 0x04) !== 0;
  const sizeBytes = flags >> 6 === 0 && isSingle ? 1 : (SIZE_BYTES[flags >> 6] ?? 0);
  const rest = (isSingle ? 0 : 1) + (DICTIONARY_BYTES[flags & 3] ?? 0) + sizeBytes;
  stream.push(Buffer.concat([magic, Buffer.of(flags), await source.take(rest)]));
  for (let isLast = false; !isLast; ) {
    const head = await source.take(3);
    const said = head.readUIntLE(0, 3);
    isLast = (said & 1) === 1;
    const length = ((said >> 1) & 3) === RUN ? 1 : said >> 3;
    if (length > MOST_BLOCK_BYTES) throw new Error(`a block of ${length} bytes`);
    const block = await source.take(length);
    const checksum = await source.take(isLast && hasChecksum ? 4 : 0);
    stream.push(Buffer.concat([head, block, checksum]), isLast);
    for (const content of ready) {
      if (hasChecksum) sum.update(content);
      yield content;
    }
    ready = [];
    if (checksum.length > 0 && BigInt(checksum.readUInt32LE()) !== (sum.digest() & 0xffffffffn))
      throw new Error('the checksum is not that of the content');
  }
}

/** Bytes that come in chunks, by their number. */
class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array(0);

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#chunks = bytes[Symbol.asyncIterator]();
  }

  async isOver(): Promise<boolean> {
    while (this.#held.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return true;
      this.#held = next.value;
    }
    return false;
  }

  /** A copy: the stream may use a chunk's memory again. */
  async take(count: number): Promise<Buffer> {
    const taken = Buffer.alloc(count);
    for (let at = 0; at < count; ) {
      const piece = await this.#next(count - at);
      taken.set(piece, at);
      at += piece.length;
    }
    return taken;
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; ) left -= (await this.#next(left)).length;
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  /** Some of the next bytes, at most so many. */
  async #next(most: number): Promise<Uint8Array> {
    if (await this.isOver()) throw new Error('the end of the file inside a frame (is it cut off?)');
    const piece = this.#held.subarray(0, most);
    this.#held = this.#held.subarray(piece.length);
    return piece;
  }
}
