/**
 * Reads LZ4 frames (lz4_Frame_format.md and lz4_Block_format.md, version 1.6.4). No package of npm's does
 * that without native code and with its errors noticed. Checksums are stepped over: Kafka's batches have one
 * of their own.
 */

const MAGIC = 0x184d2204;
/** Of blocks, by the number in the frame's header. */
const BLOCK_BYTES = new Map([4, 5, 6, 7].map((size) => [size, 2 ** (8 + 2 * size)]));
const SHORTEST_MATCH = 4;

/** The content of one frame. Throws a `RangeError` where it is malformed, or has more than `limit` bytes. */
export function decompressFrame(frame: Buffer, limit: number): Buffer {
  if (frame.length < 7 || frame.readUInt32LE(0) !== MAGIC) throw new RangeError('no LZ4 frame');
  const flags = frame.readUInt8(4);
  const blockBytes = BLOCK_BYTES.get((frame.readUInt8(5) >> 4) & 7);
  if (flags >> 6 !== 1 || blockBytes === undefined) throw new RangeError('an LZ4 frame of no known version');
  const [blockChecksum, contentSize, dictionary] = [flags & 0x10, flags & 0x08, flags & 0x01];
  if (dictionary) throw new RangeError('an LZ4 frame with a dictionary');
  const blocks: { readonly bytes: Buffer; readonly stored: boolean }[] = [];
  let at = 7 + (contentSize ? 8 : 0);
  for (;;) {
    const header = frame.readUInt32LE(at);
    if (header === 0) break;
    const end = at + 4 + (header & 0x7fff_ffff);
    if (end > frame.length) throw new RangeError('an LZ4 frame that was cut short');
    blocks.push({ bytes: frame.subarray(at + 4, end), stored: header >>> 31 === 1 });
    at = end + (blockChecksum ? 4 : 0);
  }
  const most = blocks.reduce((sum, { bytes, stored }) => sum + (stored ? bytes.length : blockBytes), 0);
  const content = Buffer.alloc(Math.min(most, limit));
  let length = 0;
  // Matches may reach back into the blocks before.
  for (const { bytes, stored } of blocks) {
    if (!stored) length = decompressBlock(bytes, content, length);
    else if (length + bytes.length > content.length) throw tooLong(content);
    else length += bytes.copy(content, length);
  }
  return content.subarray(0, length);
}

/** Writes a block's content after what is there, and returns where it ends. */
function decompressBlock(block: Buffer, content: Buffer, begin: number): number {
  let at = 0;
  let to = begin;
  /** A length of 15 goes on in the bytes that follow, up to one below 255. */
  const lengthOf = (nibble: number): number => {
    let length = nibble;
    if (nibble === 15) {
      let more: number;
      do {
        more = block.readUInt8(at++);
        length += more;
      } while (more === 255);
    }
    return length;
  };
  while (at < block.length) {
    const token = block[at++];
    const literals = lengthOf(token >> 4);
    if (at + literals > block.length) throw new RangeError('an LZ4 block that was cut short');
    if (to + literals > content.length) throw tooLong(content);
    to += block.copy(content, to, at, at + literals);
    at += literals;
    // The last sequence has literals only.
    if (at === block.length) break;
    const back = block.readUInt16LE(at);
    at += 2;
    const length = lengthOf(token & 15) + SHORTEST_MATCH;
    if (back === 0 || back > to) throw new RangeError('an LZ4 match before the beginning');
    if (to + length > content.length) throw tooLong(content);
    // One by one: a match may overlap what it writes.
    for (const end = to + length; to < end; to++) content[to] = content[to - back];
  }
  return to;
}

function tooLong(content: Buffer): RangeError {
  return new RangeError(`more than ${content.length} bytes of LZ4`);
}
