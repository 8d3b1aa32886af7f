/** A topic that is named on the command line. */
import { ConfigError } from '../errors.ts';
import { nearest } from '../suggest.ts';
import type { TopicSchema, TopicSchemas } from '../topics/avro/schemas.ts';

/**
 * What is known of the topic. A `ConfigError` with the nearest name, or all of them, where there is none
 * such.
 */
export function topicNamed(topics: TopicSchemas, name: string, hint = ''): TopicSchema {
  const found = topics.get(name);
  if (found !== undefined) return found;
  const names = [...topics.keys()];
  const near = nearest(name, names);
  const known = near === null ? `there are ${names.join(', ')}` : `did you mean ${near}?`;
  throw new ConfigError(`${name}: no such topic; ${known}${hint}`);
}
