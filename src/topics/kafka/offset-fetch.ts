/**
 * What a group has committed, as OffsetFetch of version 7 tells it: a partition whose last commit's marks are
 * still on their way is `UNSTABLE_OFFSET_COMMIT`, and has to be asked for again (KIP-447). kafkajs knows the
 * versions up to 4, which answer with what was committed before: whoever goes on from there does committed
 * work twice.
 */
import { type Broker, type StoredOffset, send } from './wire.ts';

const API_KEY = 9;
const VERSION = 7;

export interface OffsetFetch {
  readonly groupId: string;
  /** The topic's name on the cluster. */
  readonly topic: string;
  readonly partitions: readonly number[];
}

/** The stored offsets; -1 where there is none. Throws what Kafka says, as kafkajs does. */
export async function fetchStableOffsets(broker: Broker, asked: OffsetFetch): Promise<StoredOffset[]> {
  const answer = await send(broker, {
    apiKey: API_KEY,
    apiVersion: VERSION,
    apiName: 'OffsetFetch',
    body: () => request(asked),
    parse: (bytes, failIf) => {
      const { offsets, errorCode } = response(bytes);
      failIf(errorCode);
      for (const offset of offsets) failIf(offset.errorCode);
      return offsets;
    },
  });
  return answer as StoredOffset[];
}

/**
 * Flexible (KIP-482): compact strings and arrays, and tagged fields, of which there are none, after each
 * structure.
 */
function request({ groupId, topic, partitions }: OffsetFetch): Buffer {
  const numbers = Buffer.alloc(4 * partitions.length);
  for (const [i, partition] of partitions.entries()) numbers.writeInt32BE(partition, 4 * i);
  const requireStable = 1;
  return Buffer.concat([
    NO_TAGS, // of the request's header
    compactString(groupId),
    unsigned(2), // one topic
    compactString(topic),
    unsigned(partitions.length + 1),
    numbers,
    NO_TAGS,
    Buffer.from([requireStable]),
    NO_TAGS,
  ]);
}

interface Answer {
  readonly offsets: (StoredOffset & { readonly errorCode: number })[];
  readonly errorCode: number;
}

function response(bytes: Buffer): Answer {
  const reader = new Reader(bytes);
  reader.tags(); // of the answer's header
  reader.int32(); // throttling
  const offsets = reader
    .array(() => {
      reader.string();
      const partitions = reader.array(() => {
        const partition = reader.int32();
        const offset = reader.int64();
        reader.int32(); // leader epoch
        const metadata = reader.string();
        const errorCode = reader.int16();
        reader.tags();
        return { partition, offset, metadata, errorCode };
      });
      reader.tags();
      return partitions;
    })
    .flat();
  return { offsets, errorCode: reader.int16() };
}

const NO_TAGS = Buffer.from([0]);

function unsigned(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}

function compactString(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([unsigned(bytes.length + 1), bytes]);
}

class Reader {
  #at = 0;

  constructor(readonly bytes: Buffer) {}

  int16(): number {
    this.#at += 2;
    return this.bytes.readInt16BE(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.bytes.readInt32BE(this.#at - 4);
  }

  int64(): string {
    this.#at += 8;
    return this.bytes.readBigInt64BE(this.#at - 8).toString();
  }

  string(): string | null {
    const length = this.#unsigned() - 1;
    if (length < 0) return null;
    this.#at += length;
    return this.bytes.toString('utf8', this.#at - length, this.#at);
  }

  array<T>(item: () => T): T[] {
    const length = Math.max(0, this.#unsigned() - 1);
    // No item is smaller than a byte: a broken length must not become a long loop.
    return Array.from({ length: Math.min(length, this.bytes.length) }, item);
  }

  tags(): void {
    for (let count = this.#unsigned(); count > 0; count--) {
      this.#unsigned();
      this.#at += this.#unsigned();
    }
  }

  #unsigned(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes.readUInt8(this.#at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
}
