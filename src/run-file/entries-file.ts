/**
 * Entries of one partition as an Avro object container file (specification 1.11.1, "Object Container Files"):
 * blocks of entries, deflated, which any Avro library reads. Written and read here by hand: an entry is a
 * few numbers and bytes, every length is checked against what is there, and nothing larger is made of it.
 */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import { DataError } from '../errors.ts';
import type { Header, LogEntry } from '../topics/transport.ts';

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** About how many bytes of entries are deflated at once; a larger entry is a block of its own. */
const BLOCK_BYTES = 2 ** 20;
/** The most that a block may become: that of the largest record, with its key and headers. */
const MOST_BYTES = 2 ** 27;
/** Speed before size: a third more than the smallest takes a quarter of the time. */
const LEVEL = 3;

const SCHEMA = JSON.stringify({
  type: 'record',
  name: 'Entry',
  namespace: 'swirl.run',
  doc: 'One entry of a partition of a topic, as it lay in the log.',
  fields: [
    { name: 'offset', type: 'long', doc: 'Its offset in the partition.' },
    { name: 'time', type: { type: 'long', logicalType: 'timestamp-millis' }, doc: 'When it was appended.' },
    { name: 'key', type: 'string', doc: 'The record key.' },
    { name: 'value', type: 'bytes', doc: "The record, in the topic's own encoding." },
    {
      name: 'headers',
      type: {
        type: 'array',
        items: {
          type: 'record',
          name: 'Header',
          fields: [
            { name: 'name', type: 'string' },
            { name: 'value', type: 'bytes' },
          ],
        },
      },
      doc: 'What a producer on Kafka put beside it.',
    },
  ],
});

const MAGIC = Buffer.from('Obj\u0001', 'latin1');
/** The same in all files, so that the same entries make the same bytes. */
const SYNC = createHash('sha256').update(SCHEMA).digest().subarray(0, 16);
const HEAD = Buffer.concat([
  MAGIC,
  long(2),
  ...[bytes('avro.schema'), bytes(SCHEMA), bytes('avro.codec'), bytes('deflate')],
  long(0),
  SYNC,
]);

export type Entry = Omit<LogEntry, 'topic' | 'partition'>;

/** The file of some entries. */
export async function entriesFile(entries: readonly Entry[]): Promise<Buffer> {
  const parts: Buffer[] = [HEAD];
  let block: Buffer[] = [];
  let [count, size] = [0, 0];
  const flush = async () => {
    if (count === 0) return;
    const packed = await deflate(Buffer.concat(block), { level: LEVEL });
    parts.push(long(count), long(packed.length), packed, SYNC);
    block = [];
    [count, size] = [0, 0];
  };
  for (const entry of entries) {
    for (const part of encoded(entry)) {
      block.push(part);
      size += part.length;
    }
    count++;
    if (size >= BLOCK_BYTES) await flush();
  }
  await flush();
  return Buffer.concat(parts);
}

/** The entries of such a file. Bytes that are none are a `DataError`. */
export async function* readEntriesFile(file: Buffer): AsyncGenerator<Entry, void> {
  if (!file.subarray(0, HEAD.length).equals(HEAD)) throw new DataError('expected an Avro file of entries');
  const reader = new Reader(file, HEAD.length);
  while (!reader.atEnd) {
    const count = reader.long();
    const packed = reader.bytes();
    if (!reader.take(SYNC.length).equals(SYNC)) throw new DataError('expected the end of a block');
    const block = await inflate(packed, { maxOutputLength: MOST_BYTES }).catch((error: Error) => {
      throw new DataError(`a block cannot be inflated: ${error.message}`, { cause: error });
    });
    const entries = new Reader(block, 0);
    for (let left = count; left > 0; left--) yield decoded(entries);
    if (!entries.atEnd) throw new DataError('expected as many entries as a block says');
  }
}

function* encoded({ offset, time, key, value, headers = [] }: Entry): Generator<Buffer> {
  // On both transports times are whole milliseconds.
  yield long(offset);
  yield long(Math.trunc(time));
  yield bytes(key);
  yield long(value.length);
  yield Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (headers.length > 0) yield long(headers.length);
  for (const header of headers) {
    yield bytes(header.name);
    yield bytes(header.value);
  }
  yield long(0);
}

function decoded(reader: Reader): Entry {
  const [offset, time] = [reader.long(), reader.long()];
  const key = reader.text();
  const value = reader.bytes();
  const headers: Header[] = [];
  for (let left = reader.long(); left > 0; left = reader.long()) {
    for (; left > 0; left--) headers.push({ name: reader.text(), value: reader.bytes() });
  }
  return { offset, time, key, value, ...(headers.length > 0 ? { headers } : {}) };
}

/** Avro's long, of a number from 0 on: twice it, in groups of seven bits, the lowest first. */
function long(number: number): Buffer {
  const out: number[] = [];
  let left = 2 * number;
  for (; left > 127; left = Math.floor(left / 128)) out.push((left % 128) | 128);
  out.push(left);
  return Buffer.from(out);
}

function bytes(of: string | Uint8Array): Buffer {
  const own = typeof of === 'string' ? Buffer.from(of) : of;
  return Buffer.concat([long(own.length), own]);
}

class Reader {
  readonly #of: Buffer;
  #at: number;

  constructor(of: Buffer, at: number) {
    this.#of = of;
    this.#at = at;
  }

  get atEnd(): boolean {
    return this.#at === this.#of.length;
  }

  take(length: number): Buffer {
    if (!(length <= this.#of.length - this.#at)) throw new DataError(`expected ${length} more bytes`);
    this.#at += length;
    return this.#of.subarray(this.#at - length, this.#at);
  }

  bytes(): Buffer {
    return this.take(this.long());
  }

  text(): string {
    return this.bytes().toString('utf8');
  }

  /** From 0 to 2^53 - 1; no other is written. */
  long(): number {
    let [number, scale] = [0, 1];
    for (;;) {
      const byte = this.take(1)[0] as number;
      number += (byte & 127) * scale;
      if (byte < 128) break;
      scale *= 128;
    }
    if (number % 2 === 0 && Number.isSafeInteger(number)) return number / 2;
    throw new DataError('expected a number from 0 on');
  }
}
