/**
 * What topics are now: their ids, by which one that was deleted and made again is another, their partitions,
 * and what this client may do with them. Metadata of version 12 (KIP-516), which kafkajs does not know.
 */

import type { Broker } from './broker.ts';
import { compactString, FlexibleReader, NO_TAGS, unsigned } from './flexible.ts';
import type { Link } from './link.ts';
import { send } from './wire.ts';

const API_KEY = 3;
const VERSION = 12;
/** What a topic has that is not there, or whose id brokers before 2.8 do not know. */
const NO_ID = '0'.repeat(32);
const UNKNOWN_TOPIC = 3;
const FORBIDDEN = 29;

export interface TopicNow {
  /** Null where the brokers tell none. */
  readonly id: string | null;
  readonly partitions: number;
  /** `there`, `missing`, or `hidden` where this client may not know it; others pass. */
  readonly state: 'there' | 'missing' | 'hidden' | 'unknown';
  /** A bit for each operation that this client may do, by Kafka's numbers; null where the brokers do not tell. */
  readonly operations: number | null;
}

/** By the topics' names; undefined where the brokers are too old to tell. */
export async function describeTopics(
  link: Link,
  names: readonly string[],
): Promise<ReadonlyMap<string, TopicNow> | undefined> {
  const cluster = await link.cluster();
  const [node] = cluster.getNodeIds();
  if (node === undefined) return new Map();
  const broker: Broker = await cluster.findBroker({ nodeId: node });
  if ((broker.versions?.[API_KEY]?.maxVersion ?? 0) < VERSION) return undefined;
  return (await send(broker, {
    apiKey: API_KEY,
    apiVersion: VERSION,
    apiName: 'Metadata',
    body: () => request(names),
    parse: (bytes) => response(bytes),
  })) as ReadonlyMap<string, TopicNow>;
}

function request(names: readonly string[]): Buffer {
  const [makeTopics, tellOperations] = [0, 1];
  return Buffer.concat([
    NO_TAGS, // of the request's header
    unsigned(names.length + 1),
    ...names.flatMap((name) => [Buffer.alloc(16), compactString(name), NO_TAGS]),
    Buffer.from([makeTopics, tellOperations]),
    NO_TAGS,
  ]);
}

function response(bytes: Buffer): Map<string, TopicNow> {
  const reader = new FlexibleReader(bytes);
  reader.tags(); // of the answer's header
  reader.int32(); // throttling
  reader.array(() => {
    reader.int32(); // a broker's id, host, port and rack
    reader.string();
    reader.int32();
    reader.string();
    reader.tags();
  });
  reader.string(); // the cluster's id
  reader.int32(); // the controller's
  const topics = reader.array((): [string, TopicNow] => {
    const error = reader.int16();
    const name = reader.string() ?? '';
    const id = reader.uuid();
    reader.boolean(); // internal
    const partitions = reader.array(() => partition(reader)).length;
    const operations = reader.int32();
    reader.tags();
    const state = STATES.get(error) ?? 'unknown';
    return [
      name,
      { id: id === NO_ID ? null : id, partitions, state, operations: operations < 0 ? null : operations },
    ];
  });
  return new Map(topics);
}

const STATES: ReadonlyMap<number, TopicNow['state']> = new Map([
  [0, 'there'],
  [UNKNOWN_TOPIC, 'missing'],
  [FORBIDDEN, 'hidden'],
]);

function partition(reader: FlexibleReader): void {
  reader.int16(); // error
  reader.int32(); // number
  reader.int32(); // leader
  reader.int32(); // leader's epoch
  // Replicas, those in sync, those offline.
  for (let list = 0; list < 3; list++) reader.array(() => reader.int32());
  reader.tags();
}
