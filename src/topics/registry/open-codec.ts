/** The codec of a run: with the ids of its registry, where it has one. */
import { type Codec, compileWriter, createCodec } from '../avro/codec.ts';
import { schemaIn, type TopicSchema, type TopicSchemas } from '../avro/schemas.ts';
import { type RegistryClient, type RegistryDeps, registryClient } from './registry-client.ts';
import type { RegistryConfig } from './registry-config.ts';
import { registryIds } from './registry-ids.ts';

export interface OpenCodecOptions {
  /** The run whose topics are written. */
  readonly run: string;
  readonly maxRecordBytes: number;
  /** All topics of the run. */
  readonly topics: TopicSchemas;
  /** Topics whose values are JSON. */
  readonly json: ReadonlySet<string>;
  readonly registry: RegistryConfig | null;
  /** `read`: nothing will be encoded, so that nothing is registered. */
  readonly access: 'read' | 'write';
}

export interface OpenCodecDeps extends RegistryDeps {
  /** Milliseconds, of any beginning. */
  readonly now: () => number;
}

/** The subject of a topic's values in a registry, by the strategy that other clients use by default. */
export function subjectOf(run: string, topic: string): string {
  return `swirl.${run}.${topic}-value`;
}

/**
 * Opens a run's codec. With a registry it registers the schemas of all topics first (or finds them, where the
 * configuration says that others do that). A `ConfigError` where the registry refuses one, a `TransportError`
 * where it cannot be reached.
 */
export async function openCodec(options: OpenCodecOptions, deps: OpenCodecDeps): Promise<Codec> {
  const { run, maxRecordBytes, topics, json, registry, access } = options;
  if (registry === null) return createCodec({ maxRecordBytes, topics, json });
  const client = registryClient(registry, deps);
  const own = new Map<string, number>();
  for (const [topic, schema] of access === 'read' ? [] : topics) {
    if (!json.has(topic)) own.set(topic, await ownId(client, registry, run, schema));
  }
  const ids = registryIds({
    client,
    own,
    compile: (topic, schema) => compileWriter(schemaIn(topics, topic), schema),
    cachedSchemas: registry.cachedSchemas,
    now: deps.now,
  });
  return createCodec({ maxRecordBytes, topics, json, registry: ids });
}

function ownId(
  client: RegistryClient,
  { register }: RegistryConfig,
  run: string,
  { topic, schema: json }: TopicSchema,
): Promise<number> {
  const schema = JSON.stringify(json);
  return register
    ? client.register(subjectOf(run, topic), schema)
    : client.find(subjectOf(run, topic), schema);
}
