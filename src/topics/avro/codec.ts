/**
 * Records to bytes and back. The framing is the Confluent wire format: a zero byte, the schema's id as
 * four bytes (most significant first), the Avro body; the embedded log stores the same, so that values
 * can be copied between transports. The id is derived from the schema's fingerprint, or given by a schema
 * registry, which also tells what the ids of other writers mean. Topics may hold JSON instead.
 */
import avro from 'avsc';
import { z } from 'zod';
import { DataError } from '../../errors.ts';
import type { RecordOf } from '../record-of.ts';
import type { Topic } from '../records.generated.ts';
import { checkRecord } from './check-record.ts';
import { earlierSchema } from './earlier-schemas.ts';
import { jsonOfRecord, recordOfJson } from './json-value.ts';
import type { AvroSchema } from './schema-tree.ts';
import { builtInTopics, schemaIn, type TopicSchema, type TopicSchemas, topicSchema } from './schemas.ts';
import { walkBytes } from './walk-bytes.ts';
import { decodeBody, type WriterReader, writerReader } from './writer-schema.ts';

export { isTopic, schemaOf, topicNames } from './schemas.ts';

export interface Codec {
  /**
   * The record's bytes. Throws a `DataError` that names topic and field where it does not fit its
   * schema, or is larger than allowed.
   */
  encode<K extends string>(topic: K, record: RecordOf<K>): Uint8Array;
  /**
   * The record in the bytes. Throws a `DataError` on anything but what `encode` writes for this topic, what
   * earlier versions of it wrote, and what writers with other schemas wrote that `learn` was shown before.
   */
  decode<K extends string>(topic: K, bytes: Uint8Array): RecordOf<K>;
  /**
   * Looks up the schemas that these values were written with, where they are not known yet: to be called
   * before they are decoded. A codec without a registry has nothing to look up. A `TransportError` where the
   * registry cannot be reached.
   */
  learn?(topic: string, values: Iterable<Uint8Array>, signal?: AbortSignal): Promise<void>;
}

/** The schema ids of a registry. */
export interface SchemaIds {
  /**
   * The id of our own schema of a topic; undefined where it was not registered, because nothing is written.
   */
  idOf(topic: string): number | undefined;
  /** The reader of what was written with this id, or the `DataError` that says why there is none. */
  readerOf(topic: string, id: number): WriterReader | DataError | undefined;
  learn(topic: string, ids: ReadonlySet<number>, signal?: AbortSignal): Promise<void>;
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
  /** The topics that it knows; Swirl's own where none are given. */
  readonly topics?: TopicSchemas;
  /** Topics whose values are JSON. Avro is understood there too: no JSON text begins with a zero byte. */
  readonly json?: ReadonlySet<string>;
  /** Without a registry the ids are those of `schemas/`. */
  readonly registry?: SchemaIds;
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

/** avsc's types, by what they were made of: they are made once, whatever number of codecs there is. */
const types = new WeakMap<object, avro.Type>();

/** A codec with its own limit; without a registry it holds no state. */
export function createCodec({ maxRecordBytes, topics = builtInTopics, json, registry }: CodecOptions): Codec {
  const codecs = new Map([...topics].map(([topic, schema]) => [topic, topicCodec(schema)]));
  const codecOf = (topic: string): TopicCodec => codecs.get(topic) ?? topicCodec(schemaIn(topics, topic));
  const ofId = (id: number) => [...topics.values()].find((known) => known.id === id)?.topic;
  return {
    encode: (topic, record) => {
      const codec = codecOf(topic);
      if (json?.has(topic)) {
        const text = jsonOfRecord(topic, codec.tree, record);
        checkSize(codec, record, text.length, maxRecordBytes);
        return text;
      }
      const id = registry === undefined ? codec.id : registry.idOf(topic);
      if (id === undefined)
        throw new Error(`the schema of ${topic} was not registered: it is only read here`);
      return encodeRecord(codec, record, { maxRecordBytes, id });
    },
    decode: <K extends string>(topic: K, value: Uint8Array) => {
      const codec = codecOf(topic);
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      if (bytes.length > maxRecordBytes) {
        throw new DataError(`topic ${topic}: ${tooLarge(bytes.length, maxRecordBytes)}`);
      }
      const record =
        json?.has(topic) && bytes[0] !== 0
          ? recordOfJson(topic, codec.tree, bytes)
          : decodeRecord(codec, bytes, { registry, ofId });
      return record as RecordOf<K>;
    },
    ...(registry === undefined
      ? {}
      : {
          learn: (topic, values, signal) => {
            const ids = new Set<number>();
            for (const value of values) {
              const id = schemaIdIn(value);
              const codec = codecOf(topic);
              const known = id === null || isOwn(codec, id, registry) || schemaBefore(codec, id);
              if (!known) ids.add(id);
            }
            return ids.size === 0 ? Promise.resolve() : registry.learn(topic, ids, signal);
          },
        }),
  };
}

/** The codec with the default limit on size: for tests, benches and tools without a topology. */
export const { encode, decode }: Codec = createCodec({
  maxRecordBytes: maxRecordBytesConfig.parse(undefined),
});

/**
 * Compiles another writer's schema for reading a topic. A `DataError` says which field cannot be read as
 * ours.
 */
export function compileWriter(known: TopicSchema, schema: string): WriterReader {
  const { topic, tree, type } = topicCodec(known);
  return writerReader(schema, { topic, tree, own: type, long: exactLong });
}

/** The id that stands before every record of one of Swirl's topics, where no registry gives another. */
export function schemaIdOf(topic: Topic): number {
  return topicSchema(topic).id;
}

function topicCodec(known: TopicSchema): TopicCodec {
  const found = types.get(known.tree);
  if (found !== undefined) return { ...known, type: found };
  const type = avro.Type.forSchema(
    known.schema as avro.Schema,
    {
      // A nullable field is T | null in both directions; 'auto' would change shapes when a branch is added.
      wrapUnions: 'never',
      omitRecordMethods: true,
      registry: { long: exactLong },
    } as Partial<avro.ForSchemaOptions>,
  );
  types.set(known.tree, type);
  return { ...known, type };
}

function encodeRecord(
  codec: TopicCodec,
  record: unknown,
  { maxRecordBytes, id }: { readonly maxRecordBytes: number; readonly id: number },
): Uint8Array {
  const { topic, tree, type } = codec;
  const body = type.toBuffer(checkRecord(topic, tree, record));
  checkSize(codec, record, HEADER_BYTES + body.length, maxRecordBytes);
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  bytes[0] = 0;
  bytes.writeInt32BE(id, 1);
  body.copy(bytes, HEADER_BYTES);
  return bytes;
}

/** The id in the framing of a value; null: there is none. */
function schemaIdIn(value: Uint8Array): number | null {
  if (value.length < HEADER_BYTES || value[0] !== 0) return null;
  return Buffer.from(value.buffer, value.byteOffset, HEADER_BYTES).readInt32BE(1);
}

/**
 * The id of `schemas/` is understood everywhere: values may have been copied from a run without a registry.
 */
function isOwn({ topic, id }: TopicCodec, found: number, registry: SchemaIds | undefined): boolean {
  return found === id || found === registry?.idOf(topic);
}

interface Known {
  readonly registry: SchemaIds | undefined;
  /** Which topic's records have an id. */
  readonly ofId: (id: number) => string | undefined;
}

function decodeRecord(codec: TopicCodec, bytes: Buffer, { registry, ofId }: Known): unknown {
  const { topic, tree, type, id } = codec;
  const found = schemaIdIn(bytes);
  if (found === null) {
    throw new DataError(
      `topic ${topic}: expected a zero byte, a 4-byte schema id and an Avro record, found ` +
        `${bytes.length} bytes${bytes.length > 0 ? ` that begin with ${bytes.toString('hex', 0, 8)}` : ''}.`,
    );
  }
  if (isOwn(codec, found, registry)) {
    walkBytes(topic, tree, bytes, HEADER_BYTES);
    return decodeBody(topic, type, bytes, HEADER_BYTES);
  }
  const reader = registry?.readerOf(topic, found) ?? earlierReader(codec, found);
  if (reader === undefined) throw new DataError(`topic ${topic}: ${foreignId(found, id, ofId(found))}`);
  if (reader instanceof DataError) throw reader;
  return checkRecord(topic, tree, reader.read(bytes, HEADER_BYTES));
}

/** Readers of what earlier versions wrote, by what they read it as, topic and id. */
const earlierReaders = new Map<string, WriterReader>();

/** The schema with this id that the topic's records were written with before; undefined: there was none. */
function schemaBefore({ record, earlier }: TopicSchema, id: number): AvroSchema | undefined {
  return record === null ? earlier?.get(id) : earlierSchema(record, id);
}

function earlierReader(known: TopicSchema, id: number): WriterReader | undefined {
  const key = `${known.hash}:${known.topic}:${id}`;
  const found = earlierReaders.get(key);
  if (found !== undefined) return found;
  const schema = schemaBefore(known, id);
  if (schema === undefined) return undefined;
  const reader = compileWriter(known, JSON.stringify(schema));
  earlierReaders.set(key, reader);
  return reader;
}

function foreignId(found: number, expected: number, other: string | undefined): string {
  return (
    `expected a record with schema id ${expected}, found id ${found}` +
    (other === undefined
      ? ': it was written by another version of Swirl or by another program.'
      : `, a record of the topic ${other}.`)
  );
}

function checkSize({ topic }: TopicCodec, record: unknown, size: number, maxBytes: number): void {
  if (size > maxBytes) throw new DataError(`topic ${topic}${named(record)}: ${tooLarge(size, maxBytes)}`);
}

function tooLarge(size: number, limit: number): string {
  return (
    `expected a record of at most ${limit} bytes, found ${size}. ` +
    'Shorten what goes in (steps, observations, tokens), or raise transport.maxRecordBytes.'
  );
}

function named(record: unknown): string {
  const { id, source } = (record ?? {}) as { readonly id?: unknown; readonly source?: unknown };
  if (typeof id !== 'string') return '';
  const from = typeof source === 'string' ? ` of ${source.slice(0, 200)}` : '';
  return `, record ${JSON.stringify(id.slice(0, 100))}${from}`;
}
