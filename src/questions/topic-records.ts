/** Records of any topic as JSON lines: the form in which `swirl tap --json` prints them. */
import { DataError } from '../errors.ts';
import type { Input } from '../input/input.ts';
import { lines } from '../input/lines.ts';
import { parseRows, type ReadOptions } from '../input/rows.ts';
import { decode, encode } from '../topics/avro/codec.ts';
import { withDefaults } from '../topics/avro/json-value.ts';
import { topicSchema } from '../topics/avro/schemas.ts';
import type { Topic, TopicRecords } from '../topics/records.generated.ts';

/**
 * The records of a file, each checked against its topic's schema, whose defaults stand for fields that are left out;
 * errors carry file and line. A line is the record itself, or an object with the record under `record`, as tap prints it.
 */
export function readTopicRecords<K extends Topic>(
  topic: K,
  input: Input,
  options: Pick<ReadOptions, 'skip'> = {},
): AsyncGenerator<TopicRecords[K], void, void> {
  return parseRows(lines(input), ({ place, text }) => parseRecord(topic, place, text), options);
}

function parseRecord<K extends Topic>(topic: K, place: string, text: string): TopicRecords[K] {
  try {
    const line = JSON.parse(text) as { readonly record?: unknown } | null;
    const record = typeof line?.record === 'object' && line.record !== null ? line.record : line;
    const whole = withDefaults(topicSchema(topic).tree, record);
    return decode(topic, encode(topic, whole as TopicRecords[K]));
  } catch (error) {
    throw new DataError(`${place}: expected a record of ${topic}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
