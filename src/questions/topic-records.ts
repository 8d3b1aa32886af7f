/** Records of any topic as JSON lines: the form in which `swirl tap --json` prints them. */
import { DataError } from '../errors.ts';
import type { Input } from '../input/input.ts';
import { lines } from '../input/lines.ts';
import { parseRows, type ReadOptions } from '../input/rows.ts';
import { type Codec, createCodec, maxRecordBytesConfig } from '../topics/avro/codec.ts';
import { withDefaults } from '../topics/avro/json-value.ts';
import { builtInTopics, schemaIn, type TopicSchema, type TopicSchemas } from '../topics/avro/schemas.ts';
import type { RecordOf } from '../topics/record-of.ts';
import type { TopicRecords } from '../topics/records.generated.ts';

export interface TopicRecordOptions extends Pick<ReadOptions, 'skip'> {
  /** The topics of the run; Swirl's own where none are given. */
  readonly topics?: TopicSchemas;
}

/**
 * The records of a file, each checked against its topic's schema, whose defaults stand for fields that are
 * left out; errors carry file and line. A line is the record itself, or an object with the record under
 * `record`, as tap prints it.
 */
export function readTopicRecords<K extends string>(
  topic: K,
  input: Input,
  { topics = builtInTopics, ...options }: TopicRecordOptions = {},
): AsyncGenerator<RecordOf<K>, void, void> {
  const codec = createCodec({ maxRecordBytes: maxRecordBytesConfig.parse(undefined), topics });
  const known = schemaIn(topics, topic);
  return parseRows(
    lines(input),
    ({ place, text }) => parseRecord(known, codec, { place, text }) as RecordOf<K>,
    options,
  );
}

/** Checks values as records of a topic of Swirl's; throws `DataError` with the place. */
export function recordParser<K extends keyof TopicRecords>(
  topic: K,
): (value: unknown, place: string) => TopicRecords[K] {
  const codec = createCodec({ maxRecordBytes: maxRecordBytesConfig.parse(undefined), topics: builtInTopics });
  const known = schemaIn(builtInTopics, topic);
  return (value, place) =>
    parseRecord(known, codec, { place, text: JSON.stringify(value) }) as TopicRecords[K];
}

function parseRecord(
  { topic, tree }: TopicSchema,
  codec: Codec,
  { place, text }: { readonly place: string; readonly text: string },
): object {
  try {
    const line = JSON.parse(text) as { readonly record?: unknown } | null;
    const record = typeof line?.record === 'object' && line.record !== null ? line.record : line;
    return codec.decode(topic, codec.encode(topic, withDefaults(tree, record) as object));
  } catch (error) {
    throw new DataError(`${place}: expected a record of ${topic}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
