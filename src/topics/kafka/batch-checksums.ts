/**
 * The checksums of what a broker sends: every batch of records has one (CRC32C), which neither brokers look
 * at when they send it nor kafkajs when it reads it. A bit that flipped on a broker's disk would be read as
 * truth.
 *
 * Layouts: Kafka's protocol guide, Fetch API (versions 4 to 11) and RecordBatch (magic 2).
 */
import { createRequire } from 'node:module';
import { TransportError } from '../../errors.ts';

const require = createRequire(import.meta.url);
const crc32c = require('kafkajs/src/protocol/recordBatch/crc32C') as (bytes: Buffer) => number;

/** From the base offset to the batch's length, and to what its checksum is of. */
const LENGTH_AT = 8;
const BATCH_AT = 12;
const MAGIC_AT = 16;
const CHECKSUM_AT = 17;
const CHECKED_AT = 21;
const MAGIC = 2;
/** Of versions before, brokers send none of these batches to us. */
const [FIRST_VERSION, LAST_VERSION] = [4, 11];

/** Throws a `TransportError` that names topic, partition and offset where a batch is not what was written. */
export function checkBatches(answer: Buffer, version: number): void {
  if (version < FIRST_VERSION || version > LAST_VERSION) return;
  const reader = new AnswerReader(answer);
  // The time of throttling; from version 7 on an error and a session.
  reader.skip(version >= 7 ? 10 : 4);
  for (let topics = reader.int32(); topics > 0; topics--) {
    const topic = reader.string();
    for (let partitions = reader.int32(); partitions > 0; partitions--) {
      const partition = reader.int32();
      // An error, the high watermark, the last stable offset; from version 5 on the first offset.
      reader.skip(version >= 5 ? 26 : 18);
      reader.skip(16 * Math.max(0, reader.int32()));
      // A replica that is nearer.
      if (version >= 11) reader.skip(4);
      checkRecords(reader.bytes(), { topic, partition });
    }
  }
}

function checkRecords(records: Buffer, place: { readonly topic: string; readonly partition: number }): void {
  for (let at = 0; at + CHECKED_AT <= records.length; ) {
    const end = at + BATCH_AT + records.readInt32BE(at + LENGTH_AT);
    // The last batch may be cut: it is sent again.
    if (end > records.length || records.readInt8(at + MAGIC_AT) < MAGIC) return;
    const isWhole =
      end > at + CHECKED_AT &&
      records.readInt8(at + MAGIC_AT) === MAGIC &&
      crc32c(records.subarray(at + CHECKED_AT, end)) === records.readUInt32BE(at + CHECKSUM_AT);
    if (!isWhole) {
      throw new TransportError(
        `${place.topic}, partition ${place.partition}, offset ${records.readBigInt64BE(at)} and on: a batch of records is ` +
          'not what was written (CRC32C): the disk or the memory of the broker has changed it. Take it from another ' +
          'replica, or start a new run from a topic before',
      );
    }
    at = end;
  }
}

/** Reads an answer from its beginning on. */
class AnswerReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  skip(count: number): void {
    this.#at += count;
  }

  int32(): number {
    this.#at += 4;
    return this.#bytes.readInt32BE(this.#at - 4);
  }

  string(): string {
    const length = this.#bytes.readInt16BE(this.#at);
    this.#at += 2 + length;
    return this.#bytes.toString('utf8', this.#at - length, this.#at);
  }

  bytes(): Buffer {
    const length = Math.max(0, this.int32());
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}
