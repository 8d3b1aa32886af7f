/** What the topics hold: the Avro schemas in `schemas/`, and what is known of a topic's records. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import avro from 'avsc';
import { ConfigError } from '../../errors.ts';
import { keyOf } from '../key-of.ts';
import type { Topic } from '../records.generated.ts';
import {
  type AvroSchema,
  collectNamed,
  fullName,
  isNamed,
  type NamedSchema,
  type SchemaNode,
  schemaTree,
  selfContained,
} from './schema-tree.ts';

/** What is known about a topic's records. */
export interface TopicSchema {
  readonly topic: string;
  /** The topic of Swirl's own that holds the same records; null where the schema is one of a topology. */
  readonly record: Topic | null;
  /** Self-contained: every named type is defined where it is first used. */
  readonly schema: AvroSchema;
  /**
   * SHA-256 of the schema's canonical form, hexadecimal: changes with the shape of the record, not with its
   * docs.
   */
  readonly hash: string;
  /** From the hash: what stands before the records where no registry gives another. */
  readonly id: number;
  readonly tree: SchemaNode;
  /** Of a schema of a topology: those that records were written with before, by id. */
  readonly earlier?: ReadonlyMap<number, AvroSchema>;
  /** What decides a record's partition. */
  readonly key: (record: object) => string;
}

/** The topics that a run has, by name. */
export type TopicSchemas = ReadonlyMap<string, TopicSchema>;

const SWIRL = 'swirl';

const { topics, named } = loadSchemas(new URL('../../../schemas/', import.meta.url));

/** Swirl's own topics, in alphabetical order. */
export const builtInTopics: TopicSchemas = topics;

/** The records that topics hold and are made of, by full name: schemas of one's own may use them. */
export const builtInRecords: ReadonlyMap<string, NamedSchema> = named;

/** Swirl's own topics, in alphabetical order. */
export const topicNames = [...topics.keys()] as readonly Topic[];

/** Whether Swirl has a topic of this name. */
export function isTopic(name: string): name is Topic {
  return topics.has(name);
}

/** The schema of a topic's records, with all that it refers to, as JSON: for clients in other languages. */
export function schemaOf(topic: Topic): AvroSchema {
  return topicSchema(topic).schema;
}

/**
 * All that is known about the records of one of Swirl's own topics. Throws a `ConfigError` where there is no
 * such topic.
 */
export function topicSchema(topic: Topic): TopicSchema {
  const found = topics.get(topic);
  if (found === undefined) {
    throw new ConfigError(`There is no topic "${topic}". The topics are: ${topicNames.join(', ')}.`);
  }
  return found;
}

/** What is known of a topic among those of a run. Throws where there is none: names are checked before. */
export function schemaIn(topics: TopicSchemas, topic: string): TopicSchema {
  const known = topics.get(topic);
  if (known !== undefined) return known;
  throw new Error(`there is no topic ${topic}: expected one of ${[...topics.keys()].join(', ')}`);
}

/** SHA-256 of a schema's canonical form (names, types and order; no docs, no defaults), hexadecimal. */
export function schemaHash(schema: AvroSchema): string {
  const canonical = avro.Type.forSchema(schema as avro.Schema, { wrapUnions: false }).schema();
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex');
}

/** The first 31 bits of a hash: the wire format's id is a signed 32-bit integer. */
export function idOfHash(hash: string): number {
  return Number.parseInt(hash.slice(0, 8), 16) & 0x7fffffff;
}

/** The topics and records of a folder of `.avsc` files. */
export function loadSchemas(folder: URL) {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.avsc'))
    .sort();
  const named = new Map<string, NamedSchema>();
  const roots: { topic: Topic; root: NamedSchema }[] = [];
  for (const file of files) {
    const root = inSwirl(
      JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as AvroSchema,
    ) as NamedSchema;
    const twice = collectNamed(root, named);
    if (twice !== null) throw new ConfigError(`schemas/${file} defines ${twice} again.`);
    if (root.doc?.startsWith('Topic ')) roots.push({ topic: file.slice(0, -'.avsc'.length) as Topic, root });
  }
  const topics = roots.map(({ topic, root }): [string, TopicSchema] => {
    const schema = selfContained(fullName(root), named);
    const hash = schemaHash(schema);
    const tree = schemaTree(fullName(root), named);
    return [topic, { topic, record: topic, schema, hash, id: idOfHash(hash), tree, key: keyOf }];
  });
  return { topics: new Map(topics), named };
}

/** The files leave the namespace out. */
function inSwirl(schema: AvroSchema): AvroSchema | NamedSchema {
  if (typeof schema === 'string') return schema;
  if (Array.isArray(schema)) return schema.map((branch) => inSwirl(branch) as AvroSchema);
  const copy: Record<string, unknown> = { ...schema };
  if (isNamed(schema)) {
    copy.namespace = SWIRL;
    const fields = schema.fields?.map((field) => ({ ...field, type: inSwirl(field.type) }));
    return { ...copy, ...(fields && { fields }) } as unknown as NamedSchema;
  }
  for (const part of ['type', 'items', 'values']) {
    if (part in copy) copy[part] = inSwirl(copy[part] as AvroSchema);
  }
  return copy as AvroSchema;
}
