/** LZ4's block format (github.com/lz4/lz4, lz4_Block_format.md), in which Parquet files may have their pages. */

const SHORTEST_MATCH = 4;
/** A length that goes on in the next bytes. */
const GOES_ON = 15;

/** A block, whose content has so many bytes. Throws `Error` where it is damaged. */
export function unLz4(block: Uint8Array, length: number): Uint8Array {
  const content = new Uint8Array(length);
  const view = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  let from = 0;
  let to = 0;
  const lengthOf = (half: number): number => {
    let found = half;
    for (let more = half === GOES_ON ? 255 : 0; more === 255; found += more) more = view.readUInt8(from++);
    return found;
  };
  while (from < block.length) {
    const token = view.readUInt8(from++);
    const literals = lengthOf(token >> 4);
    if (from + literals > block.length || to + literals > length) throw damaged();
    content.set(block.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    if (from === block.length) break;
    const back = view.readUInt16LE(from);
    from += 2;
    const match = SHORTEST_MATCH + lengthOf(token & 15);
    if (back === 0 || back > to || to + match > length) throw damaged();
    // Byte by byte where it reaches into itself: a repetition.
    if (back >= match) content.copyWithin(to, to - back, to - back + match);
    else for (let i = 0; i < match; i++) content[to + i] = content[to + i - back] ?? 0;
    to += match;
  }
  if (to !== length) throw damaged();
  return content;
}

/**
 * Hadoop's framing, which Parquet calls LZ4 too: blocks after their lengths, uncompressed and compressed, big-endian; or a
 * block by itself, as others have written under that name.
 */
export function unHadoopLz4(bytes: Uint8Array, length: number): Uint8Array {
  try {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
      const [plain, packed] = [view.readUInt32BE(at), view.readUInt32BE(at + 4)];
      if (plain > length) throw damaged();
      at += 8;
      pieces.push(unLz4(bytes.subarray(at, at + packed), plain));
      at += packed;
    }
    const content = Buffer.concat(pieces);
    if (content.length !== length) throw damaged();
    return new Uint8Array(content);
  } catch {
    return unLz4(bytes, length);
  }
}

function damaged(): Error {
  return new Error('damaged LZ4 data');
}
