/**
 * The tar format (POSIX.1-1988, ustar) as far as an archive of a run needs it: plain files, with sizes beyond
 * 8 GiB as GNU tar writes them. Any `tar` lists and unpacks it. Nothing of time, machine or user is written,
 * so that the same members make the same bytes.
 */
import { DataError } from '../errors.ts';

export const BLOCK_BYTES = 512;
/** Two blocks of zeros end an archive. */
export const END = Buffer.alloc(2 * BLOCK_BYTES);
/** The largest size that eleven octal digits hold. */
const MOST_OCTAL = 8 ** 11 - 1;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;

export interface TarHeader {
  readonly name: string;
  readonly bytes: number;
}

/** A member's header. A name that has no room there is a `DataError`. */
export function tarHeader({ name, bytes }: TarHeader): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const { prefix, rest } = split(name);
  block.write(rest, 0, 'utf8');
  block.write('0000644\0', 100, 'latin1');
  block.write('0000000\0', 108, 'latin1');
  block.write('0000000\0', 116, 'latin1');
  if (bytes <= MOST_OCTAL) block.write(`${bytes.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  else {
    block[124] = 0x80;
    block.writeBigUInt64BE(BigInt(bytes), 128);
  }
  block.write('00000000000\0', 136, 'latin1');
  block.write('0', 156, 'latin1');
  block.write('ustar\0' + '00', 257, 'latin1');
  block.write(prefix, 345, 'utf8');
  block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** How many zeros follow a member of so many bytes. */
export function paddingOf(bytes: number): number {
  return (BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES;
}

/**
 * What a header says; null for the first block of the end. A block that `tarHeader` would not write, a changed
 * bit in it, is a `DataError`.
 */
export function readTarHeader(block: Buffer): TarHeader | null {
  if (block.equals(END.subarray(0, BLOCK_BYTES))) return null;
  const text = (from: number, length: number) => {
    const field = block.subarray(from, from + length);
    const end = field.indexOf(0);
    return field.toString('utf8', 0, end < 0 ? length : end);
  };
  const [prefix, rest] = [text(345, PREFIX_BYTES), text(0, NAME_BYTES)];
  const name = prefix === '' ? rest : `${prefix}/${rest}`;
  const bytes = block[124] === 0x80 ? Number(block.readBigUInt64BE(128)) : Number.parseInt(text(124, 12), 8);
  const isWhole = Number.isSafeInteger(bytes) && bytes >= 0 && name !== '';
  if (!isWhole || !tarHeader({ name, bytes }).equals(block))
    throw new DataError('there is no header of a member');
  return { name, bytes };
}

/** The sum of the bytes, with the checksum's own as blanks. */
function checksum(block: Buffer): number {
  let sum = 8 * 0x20;
  for (const [at, byte] of block.entries()) if (at < 148 || at >= 156) sum += byte;
  return sum;
}

function split(name: string): { readonly prefix: string; readonly rest: string } {
  if (Buffer.byteLength(name) <= NAME_BYTES) return { prefix: '', rest: name };
  for (let at = name.indexOf('/'); at >= 0; at = name.indexOf('/', at + 1)) {
    const [prefix, rest] = [name.slice(0, at), name.slice(at + 1)];
    if (Buffer.byteLength(rest) <= NAME_BYTES && Buffer.byteLength(prefix) <= PREFIX_BYTES)
      return { prefix, rest };
  }
  throw new DataError(
    `${name}: its path is too long for an archive (at most ${NAME_BYTES} bytes after a folder of at most ${PREFIX_BYTES})`,
  );
}
