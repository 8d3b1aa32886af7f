/**
 * Records to bytes and back. The framing is the Confluent wire format: a zero byte, the schema's id as
 * four bytes (most significant first), the Avro body; the embedded log stores the same, so that values
 * can be copied between transports. Here the id is derived from the schema's fingerprint.
 */
import avro from 'avsc';
import { z } from 'zod';
import { DataError } from '../errors.ts';
import { checkRecord } from './check-record.ts';
import type { Topic, TopicRecords } from './records.generated.ts';
import { type TopicSchema, topicNames, topicSchema } from './schemas.ts';
import { walkBytes } from './walk-bytes.ts';

export { type AvroSchema, isTopic, schemaOf, topicNames } from './schemas.ts';

export interface Codec {
  /**
   * The record's bytes. Throws a `DataError` that names topic and field where it does not fit its
   * schema, or is larger than allowed.
   */
  encode<K extends Topic>(topic: K, record: TopicRecords[K]): Uint8Array;
  /** The record in the bytes. Throws a `DataError` on anything but what `encode` writes for this topic. */
  decode<K extends Topic>(topic: K, bytes: Uint8Array): TopicRecords[K];
}

/** The largest record: part of every transport's configuration. */
export const maxRecordBytesConfig = z
  .int()
  .min(1024)
  .max(64 * 1024 * 1024)
  .default(4 * 1024 * 1024)
  .describe('the largest record, in bytes; larger ones are refused when written and when read');

export interface CodecOptions {
  /** The largest record, in bytes with the framing. */
  readonly maxRecordBytes: number;
}

/** Bytes before the body: the zero byte and the schema's id. */
export const HEADER_BYTES = 5;

interface TopicCodec extends TopicSchema {
  readonly type: avro.Type;
}

/** avsc's own longs lose the lowest bit of negative numbers beyond 2^52; these are exact or refused. */
const exactLong = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => Number(bytes.readBigInt64LE()),
  toBuffer: (value: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    return bytes;
  },
  fromJSON: Number,
  toJSON: Number,
  isValid: Number.isSafeInteger,
  compare: (a: number, b: number) => Math.sign(a - b),
});

const codecs = new Map(topicNames.map((topic) => [topic, topicCodec(topicSchema(topic))]));
const topicOfId = new Map([...codecs.values()].map(({ id, topic }) => [id, topic]));

/** A codec with its own limit. It holds no state. */
export function createCodec(options: CodecOptions): Codec {
  return {
    encode: (topic, record) => encodeRecord(codecOf(topic), record, options.maxRecordBytes),
    decode: <K extends Topic>(topic: K, bytes: Uint8Array) =>
      decodeRecord(codecOf(topic), bytes, options.maxRecordBytes) as TopicRecords[K],
  };
}

/** The codec with the default limit on size: for tests, benches and tools without a topology. */
export const { encode, decode }: Codec = createCodec({
  maxRecordBytes: maxRecordBytesConfig.parse(undefined),
});

/** The id that stands before every record of a topic. */
export function schemaIdOf(topic: Topic): number {
  return topicSchema(topic).id;
}

function topicCodec(known: TopicSchema): TopicCodec {
  const type = avro.Type.forSchema(
    known.schema as avro.Schema,
    {
      // A nullable field is T | null in both directions; 'auto' would change shapes when a branch is added.
      wrapUnions: 'never',
      omitRecordMethods: true,
      registry: { long: exactLong },
    } as Partial<avro.ForSchemaOptions>,
  );
  return { ...known, type };
}

function codecOf(topic: Topic): TopicCodec {
  return codecs.get(topic) ?? topicCodec(topicSchema(topic));
}

function encodeRecord({ topic, tree, type, id }: TopicCodec, record: unknown, maxBytes: number): Uint8Array {
  const body = type.toBuffer(checkRecord(topic, tree, record));
  const size = HEADER_BYTES + body.length;
  if (size > maxBytes) {
    throw new DataError(`topic ${topic}${named(record)}: ${tooLarge(size, maxBytes)}`);
  }
  const bytes = Buffer.allocUnsafe(size);
  bytes[0] = 0;
  bytes.writeInt32BE(id, 1);
  body.copy(bytes, HEADER_BYTES);
  return bytes;
}

function decodeRecord({ topic, tree, type, id }: TopicCodec, value: Uint8Array, maxBytes: number): unknown {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (bytes.length > maxBytes) throw new DataError(`topic ${topic}: ${tooLarge(bytes.length, maxBytes)}`);
  if (bytes.length < HEADER_BYTES || bytes[0] !== 0) {
    throw new DataError(
      `topic ${topic}: expected a zero byte, a 4-byte schema id and an Avro record, found ` +
        `${bytes.length} bytes${bytes.length > 0 ? ` that begin with ${bytes.toString('hex', 0, 8)}` : ''}.`,
    );
  }
  const found = bytes.readInt32BE(1);
  if (found !== id) throw new DataError(`topic ${topic}: ${foreignId(found, id)}`);
  walkBytes(topic, tree, bytes, HEADER_BYTES);
  try {
    return type.fromBuffer(bytes.subarray(HEADER_BYTES));
  } catch (cause) {
    throw new DataError(`topic ${topic}: the Avro record could not be decoded.`, { cause });
  }
}

function foreignId(found: number, expected: number): string {
  const other = topicOfId.get(found);
  return (
    `expected a record with schema id ${expected}, found id ${found}` +
    (other === undefined
      ? ': it was written by another version of Swirl or by another program.'
      : `, a record of the topic ${other}.`)
  );
}

function tooLarge(size: number, limit: number): string {
  return (
    `expected a record of at most ${limit} bytes, found ${size}. ` +
    'Shorten what goes in (steps, observations, tokens), or raise maxRecordBytes of the transport.'
  );
}

function named(record: unknown): string {
  const id = (record as { id?: unknown } | null)?.id;
  return typeof id === 'string' ? `, record ${JSON.stringify(id.slice(0, 100))}` : '';
}
