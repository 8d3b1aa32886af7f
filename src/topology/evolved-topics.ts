/**
 * Topics of one's own whose schema is not what it was when the run began: what they held is read by Avro's rules of schema
 * resolution where these allow it, and the former schemas stay with the run. With a schema registry all this is the registry's.
 */
import { ConfigError, DataError } from '../errors.ts';
import { compileWriter } from '../topics/avro/codec.ts';
import { schemaIn } from '../topics/avro/schemas.ts';
import type { Transport } from '../topics/transport.ts';
import { begunWith } from './kept.ts';
import { topicSchemas } from './own-topics.ts';
import type { Topology } from './topology.ts';

type Json = Record<string, unknown>;

/** Most schemas that a topic may have had. */
const MAX_EARLIER = 16;

/** A topic whose records were others before. */
export interface Evolution {
  readonly topic: string;
  /** Why its former records cannot be read as what they are to be now; null: they can. */
  readonly problem: string | null;
}

/**
 * The topology with what its topics were in the run so far, as the run's folder knows it. `begun` is what the
 * run was begun with, for who has read it.
 */
export function withEarlierSchemas(
  topology: Topology,
  begun?: Topology | null,
): {
  readonly topology: Topology;
  readonly evolutions: readonly Evolution[];
} {
  const hasRegistry = topology.transport.kind === 'kafka' && topology.transport.registry !== null;
  const names = Object.keys(topology.ownTopics);
  if (hasRegistry || names.length === 0) return { topology, evolutions: [] };
  const before = begun === undefined ? begunWith(topology) : begun;
  if (before === null) return { topology, evolutions: [] };
  const evolutions: Evolution[] = [];
  const [was, is] = [topicSchemas(before), topicSchemas(topology)];
  const ownTopics = Object.fromEntries(
    Object.entries(topology.ownTopics).map(([topic, config]) => {
      const [then, now] = [was.get(topic), schemaIn(is, topic)];
      if (then === undefined || (then.record !== null && then.record === now.record)) return [topic, config];
      const former = then.hash === now.hash ? [] : [then.schema];
      const earlier = [...(then.earlier?.values() ?? []), ...former].slice(-MAX_EARLIER);
      if (former.length > 0) evolutions.push({ topic, problem: unreadable(now, earlier) });
      return [topic, 'record' in config ? config : { ...config, earlier: earlier as Json[] }];
    }),
  );
  return { topology: { ...topology, ownTopics }, evolutions };
}

/** Refuses what cannot be read any more, and tells what is read by Avro's rules; topics without records are free to change. */
export async function checkEvolutions(
  { run }: Topology,
  evolutions: readonly Evolution[],
  deps: { readonly transport: Pick<Transport, 'topics'>; readonly notify: (message: string) => void },
): Promise<void> {
  if (evolutions.length === 0) return;
  const there = new Map((await deps.transport.topics()).map(({ name, offsets }) => [name, offsets]));
  for (const { topic, problem } of evolutions) {
    if ((there.get(topic) ?? []).every(({ start, end }) => start === end)) continue;
    if (problem !== null) {
      throw new ConfigError(
        `topics.${topic} is not what it was: the run ${run} has records in it that cannot be read as what they are to be now (${problem}). ` +
          'Put the schema back; give new fields a default; or begin another run (`--run NAME`)',
      );
    }
    deps.notify(
      `topics.${topic}: its schema is not what it was; the records that the run ${run} has in it are read by Avro's rules: ` +
        'fields that are gone are left out, new ones have their defaults.',
    );
  }
}

function unreadable(now: Parameters<typeof compileWriter>[0], schemas: readonly unknown[]): string | null {
  try {
    for (const schema of schemas) compileWriter(now, JSON.stringify(schema));
    return null;
  } catch (error) {
    if (error instanceof DataError) return error.message;
    throw error;
  }
}
