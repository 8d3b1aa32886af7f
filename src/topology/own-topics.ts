/**
 * The topics that a topology adds: their schemas are read and checked, and stand whole in the resolved
 * topology.
 */
import { readFileSync, statSync } from 'node:fs';
import { ConfigError } from '../errors.ts';
import { MAX_SCHEMA_CHARACTERS, ownTopic, parseSchema } from '../topics/avro/own-schema.ts';
import { builtInTopics, type TopicSchema, type TopicSchemas, topicSchema } from '../topics/avro/schemas.ts';
import type { Finding } from './check.ts';
import type { WrittenOwnTopic } from './topic-configs.ts';
import type { Topology } from './topology.ts';

/** Each is registered, made and looked at by itself. */
const MAX_OWN_TOPICS = 64;

/**
 * Every topic of the run, with what its records are. The schemas were checked when the topology was loaded.
 */
export function topicSchemas({ ownTopics }: Pick<Topology, 'ownTopics'>): TopicSchemas {
  const own = Object.entries(ownTopics).map(([name, topic]) => [name, schemaOf(name, topic)] as const);
  return new Map([...builtInTopics, ...own]);
}

/** The topics that a topology adds, with every schema in place of its file; and what is wrong with them. */
export function readOwnTopics(ownTopics: Readonly<Record<string, WrittenOwnTopic>>): {
  readonly ownTopics: Readonly<Record<string, WrittenOwnTopic>>;
  readonly findings: readonly Finding[];
} {
  const findings: Finding[] = [];
  const names = Object.keys(ownTopics);
  if (names.length > MAX_OWN_TOPICS) {
    findings.push(
      finding(['topics'], `expected at most ${MAX_OWN_TOPICS} topics of one's own, found ${names.length}`),
    );
  }
  const read = Object.entries(ownTopics).map(([name, topic]): [string, WrittenOwnTopic] => {
    if ('record' in topic || findings.length > 0) return [name, topic];
    const place = ['topics', name, 'schema'];
    let json: unknown = topic.schema;
    try {
      if (typeof topic.schema === 'string') json = parseSchema(readSchemaFile(topic.schema));
      const { schema, hash } = ownTopic({ ...topic, topic: name, schema: json });
      if (topic.hash !== null && topic.hash !== hash) {
        findings.push(
          finding(
            ['topics', name, 'hash'],
            `\`topics.${name}.hash\`: the schema is not the one that this hash is of: its own is ${hash}`,
          ),
        );
      }
      return [name, { ...topic, schema: schema as Record<string, unknown>, hash }];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const file = typeof topic.schema === 'string' ? `${topic.schema}: ` : '';
      findings.push(finding(place, `\`topics.${name}\`: ${file}${error.message}`));
      return [name, topic];
    }
  });
  return { ownTopics: Object.fromEntries(read), findings };
}

function schemaOf(name: string, topic: WrittenOwnTopic): TopicSchema {
  if ('record' in topic) return { ...topicSchema(topic.record), topic: name };
  return ownTopic({ ...topic, topic: name });
}

function readSchemaFile(path: string): string {
  try {
    const { size } = statSync(path);
    // A character takes up to three bytes in UTF-8 (four, where it counts twice).
    if (size > 3 * MAX_SCHEMA_CHARACTERS) {
      throw new ConfigError(`expected at most ${MAX_SCHEMA_CHARACTERS} characters, found ${size} bytes`);
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') {
      throw new ConfigError(
        "there is no such file; a schema's path is relative to the topology's file; of --set, to the current folder",
        {
          cause: error,
        },
      );
    }
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      throw new ConfigError('not UTF-8 text', { cause: error });
    }
    throw new ConfigError(`cannot be read: ${message}`, { cause: error });
  }
}

function finding(path: readonly PropertyKey[], message: string): Finding {
  return { severity: 'error', rule: 'own-topic', message, path, part: 'value' };
}
