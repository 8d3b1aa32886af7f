/** The schema ids of a run with a registry: its own, and those of other writers as they are met. */
import { unlessAborted } from '../../clock.ts';
import { DataError } from '../../errors.ts';
import type { SchemaIds } from '../avro/codec.ts';
import type { WriterReader } from '../avro/writer-schema.ts';
import type { RegistryClient } from './registry-client.ts';

/** Look-ups in flight: a topic that many programs write to must not flood the registry. */
const LOOKUPS_AT_ONCE = 4;
/** How long "no such id" is believed: a schema may reach a replica of the registry after its first record. */
const UNKNOWN_MS = 30_000;

export interface RegistryIdsOptions {
  readonly client: Pick<RegistryClient, 'schemaOf'>;
  /** The ids of the topics that this run writes; empty where it only reads. */
  readonly own: ReadonlyMap<string, number>;
  /** Compiles a writer's schema for a topic; throws a `DataError` where it cannot be read as ours. */
  readonly compile: (topic: string, schema: string) => WriterReader;
  readonly cachedSchemas: number;
  /** Milliseconds, of any beginning. */
  readonly now: () => number;
}

interface Known {
  readonly reader: WriterReader | DataError;
  /** When an error is to be looked up again. */
  readonly until: number;
}

export function registryIds({ client, own, compile, cachedSchemas, now }: RegistryIdsOptions): SchemaIds {
  /** In the order of their last use. */
  const known = new Map<string, Known>();
  const asking = new Map<string, Promise<void>>();

  const look = async (topic: string, id: number): Promise<void> => {
    let reader: WriterReader | DataError;
    try {
      reader = compile(topic, await client.schemaOf(id));
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      reader = error;
    }
    known.set(keyOf(topic, id), {
      reader,
      until: reader instanceof DataError ? now() + UNKNOWN_MS : Number.POSITIVE_INFINITY,
    });
  };

  /** One look-up for all who want it: it outlives any of them, so that no other's end is theirs. */
  const shared = (topic: string, id: number): Promise<void> => {
    const key = keyOf(topic, id);
    const running = asking.get(key) ?? look(topic, id).finally(() => asking.delete(key));
    asking.set(key, running);
    return running;
  };

  return {
    idOf: (topic) => own.get(topic),
    readerOf: (topic, id) => known.get(keyOf(topic, id))?.reader,
    learn: async (topic, ids, signal) => {
      const wanted: number[] = [];
      for (const id of ids) {
        // No registry gives such an id, and it is not asked for what anybody may write.
        if (id <= 0) continue;
        const key = keyOf(topic, id);
        const found = known.get(key);
        if (found === undefined || found.until <= now()) wanted.push(id);
        else {
          known.delete(key);
          known.set(key, found);
        }
      }
      const worker = async () => {
        for (let id = wanted.pop(); id !== undefined; id = wanted.pop()) {
          await unlessAborted(shared(topic, id), signal);
        }
      };
      await Promise.all(Array.from({ length: Math.min(LOOKUPS_AT_ONCE, wanted.length) }, worker));
      for (const key of known.keys()) {
        if (known.size <= cachedSchemas) break;
        // What the caller is about to decode stays, however much that is.
        if (!ids.has(idIn(key))) known.delete(key);
      }
    },
  };
}

function keyOf(topic: string, id: number): string {
  return `${topic}:${id}`;
}

function idIn(key: string): number {
  return Number(key.slice(key.lastIndexOf(':') + 1));
}
