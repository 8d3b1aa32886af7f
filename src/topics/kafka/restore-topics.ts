/**
 * Makes a run's topics on a cluster from what another log held: every record at its offset, with its time.
 * Offsets that have no record, as those of transactions' marks, come about as they did: of transactions that
 * are committed, or aborted with as many records in them as are missing. No reader is shown those.
 */
import { sleep } from '../../clock.ts';
import { ConfigError, DataError, TransportError } from '../../errors.ts';
import type { Header, LogEntry, TopicInfo, TopicRestorer } from '../transport.ts';
import { listOffsets } from './fetch.ts';
import { transportError } from './kafka-errors.ts';
import type { KafkaTopics } from './kafka-topics.ts';
import type { Link } from './link.ts';
import { topicName } from './names.ts';
import { removeTopics } from './run-groups.ts';
import { Transactor, unique } from './transactor.ts';

export interface RestoreKafkaOptions {
  readonly link: Link;
  readonly run: string;
  readonly known: KafkaTopics;
  readonly transactionMs: number;
  readonly topics: readonly TopicInfo[];
  /** Sets the groups' progress, once the records are there. */
  readonly setProgress: TopicRestorer['finish'];
  /** Deletes the run's topics and its progress. */
  readonly remove: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Offsets without a record that one transaction brings about: each takes a few bytes. */
const GAP_AT_ONCE = 20_000;
/** About how many bytes one batch of records holds. */
const BATCH_BYTES = 2 ** 19;
/** Between two looks at where a partition ends, in milliseconds. */
const LOOK_MS = 5;

type Entry = Omit<LogEntry, 'topic' | 'partition'>;

/** A partition that is being filled. */
interface Lane {
  readonly name: string;
  readonly partition: number;
  /** The next offset on the cluster. */
  next: number;
  /** Records for offsets from `next` on, which are not there yet. */
  waiting: Entry[];
  bytes: number;
  /** Of the next record that is written outside of a transaction. */
  sequence: number;
}

/** A topic that is there as long as an import has not ended: what there is beside it is nobody's run. */
const UNFINISHED = 'unfinished-import';

/** Makes the topics. A `ConfigError` where the cluster has some of the run, unless an import left them there. */
export async function restoreTopics(options: RestoreKafkaOptions): Promise<TopicRestorer> {
  const { link, run, known, topics } = options;
  const there = await known.list(run);
  if (there.has(UNFINISHED)) {
    link.options.notify(`an import of the run ${run} had not ended: what it left on the cluster is deleted`);
    await options.remove();
    while ((await known.list(run)).size > 0) await sleep(LOOK_MS, link.options.closed);
  } else if (there.size > 0) {
    const names = [...there.keys()].slice(0, 5).map((topic) => topicName(run, topic));
    throw new ConfigError(
      `the cluster has topics of a run ${run} already: ${names.join(', ')}. Delete that run first (\`swirl runs delete\`); ` +
        `where it has no folder any more, its topics: kafka-topics.sh --delete --topic 'swirl\\.${run}\\..*'`,
    );
  }
  try {
    await known.makeForImport([{ name: UNFINISHED, partitions: 1 }]);
    await known.makeForImport(topics);
  } catch (error) {
    await options.remove();
    throw error;
  }
  const transactor = new Transactor(link, `swirl.${run}.import.${unique()}`, options.transactionMs);
  const lanes = new Map<string, Lane>();
  const laneOf = (topic: string, partition: number): Lane => {
    const key = `${topic}/${partition}`;
    const lane = lanes.get(key) ?? {
      name: topicName(run, topic),
      partition,
      next: 0,
      waiting: [],
      bytes: 0,
      sequence: 0,
    };
    lanes.set(key, lane);
    return lane;
  };
  const filler = new Filler(link, transactor, options.transactionMs);
  return {
    put: async (topic, partition, entries) => {
      const lane = laneOf(topic, partition);
      for (const entry of entries) await filler.add(lane, entry);
    },
    finish: async (progress) => {
      for (const { name, offsets } of topics) {
        for (const [partition, { start, end }] of offsets.entries()) {
          const lane = laneOf(name, partition);
          await filler.fillTo(lane, end);
          if (start > 0) await filler.deleteBefore(lane, start);
        }
      }
      await known.stampOnAppend(topics.map(({ name }) => name));
      await options.setProgress(progress);
      await removeTopics(link, run, [UNFINISHED]);
      await options.close();
    },
    abandon: async () => {
      try {
        await options.remove();
      } finally {
        await options.close();
      }
    },
  };
}

class Filler {
  readonly #link: Link;
  readonly #transactor: Transactor;
  readonly #timeoutMs: number;
  #identity: Promise<{ readonly producerId: string; readonly producerEpoch: number }> | undefined;

  constructor(link: Link, transactor: Transactor, timeoutMs: number) {
    this.#link = link;
    this.#transactor = transactor;
    this.#timeoutMs = timeoutMs;
  }

  async add(lane: Lane, entry: Entry): Promise<void> {
    if (entry.offset > lane.next + lane.waiting.length) await this.fillTo(lane, entry.offset);
    if (entry.offset !== lane.next + lane.waiting.length)
      throw new DataError(`topic ${lane.name}: offset ${entry.offset} came too late`);
    lane.waiting.push(entry);
    lane.bytes += entry.value.length + entry.key.length;
    // The last records before a gap belong to the transaction whose mark stands there.
    if (lane.bytes >= BATCH_BYTES && lane.waiting.length > 1)
      await this.#plain(lane, lane.waiting.length - 1);
  }

  /** Brings the records that wait there, and offsets without a record up to `until`. */
  async fillTo(lane: Lane, until: number): Promise<void> {
    let gap = until - lane.next - lane.waiting.length;
    if (gap === 0) return this.#plain(lane, lane.waiting.length);
    if (lane.waiting.length > 0) {
      await this.#transaction(lane, lane.waiting.splice(0), 'commit');
      lane.bytes = 0;
      gap--;
    }
    for (; gap > 0; gap = until - lane.next) {
      const records = Math.max(0, Math.min(gap, GAP_AT_ONCE) - 1);
      const nothing = { offset: 0, time: 0, key: '', value: NOTHING };
      const fillers = Array.from({ length: records }, (_, i) => ({ ...nothing, offset: lane.next + i }));
      await this.#transaction(lane, fillers, 'abort');
    }
  }

  /** Makes the partition begin at this offset, as it did where records had been deleted. */
  async deleteBefore({ name, partition }: Lane, offset: number): Promise<void> {
    await this.#asked(`deleting what was before offset ${offset} of ${name}`, async () => {
      const leader = await this.#link.leader(name, partition);
      await leader.deleteRecords({
        topics: [{ topic: name, partitions: [{ partition, offset: `${offset}` }] }],
      });
    });
  }

  async #plain(lane: Lane, count: number): Promise<void> {
    const records = lane.waiting.splice(0, count);
    lane.bytes = lane.waiting.reduce((sum, { value, key }) => sum + value.length + key.length, 0);
    for (const batch of batches(records)) {
      const { producerId, producerEpoch } = await this.#identified();
      await this.#link.patiently(`writing ${lane.name}`, async () => {
        const leader = await this.#link.leader(lane.name, lane.partition);
        // What comes twice is known by its sequence.
        const topicData = [topicDataOf(lane, batch)];
        await leader.produce({ producerId, producerEpoch, acks: -1, timeout: this.#timeoutMs, topicData });
      });
      lane.next += batch.length;
      lane.sequence = (lane.sequence + batch.length) % 2 ** 31;
    }
    if (records.length > 0) await this.#checkEnd(lane);
  }

  /** Who writes outside of transactions. */
  #identified() {
    this.#identity ??= this.#link.patiently('asking for a producer id', async () => {
      const cluster = await this.#link.cluster();
      const broker = await cluster.findControllerBroker();
      return broker.initProducerId({ transactionalId: null, transactionTimeout: this.#timeoutMs });
    });
    return this.#identity;
  }

  async #transaction(lane: Lane, records: readonly Entry[], end: 'commit' | 'abort'): Promise<void> {
    const { name, partition } = lane;
    await this.#asked(`writing ${name}`, () =>
      this.#transactor.write({
        name,
        partition,
        batches: batches(records).map((batch) => batch.map(messageOf)),
        end,
      }),
    );
    lane.next += records.length + 1;
    await this.#checkEnd(lane);
  }

  /** The marks of a transaction are written after it has ended: they must be there before what comes next. */
  async #checkEnd({ name, partition, next }: Lane): Promise<void> {
    const { now } = this.#link.options;
    for (const since = now(); ; ) {
      const ends = await this.#link.patiently(`looking for the end of ${name}`, () =>
        listOffsets(this.#link, name, [partition], 'end'),
      );
      const end = ends.get(partition) ?? 0;
      if (end === next) return;
      if (end > next || now() - since > this.#timeoutMs) {
        throw new TransportError(
          `${name}, partition ${partition}: expected its end at offset ${next}, found it at ${end}: somebody else writes there, or the cluster lost records`,
        );
      }
      await sleep(LOOK_MS);
    }
  }

  /** Once: what was half done cannot be told from what was not, and the import begins anew. */
  async #asked<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw transportError(what, error);
    }
  }
}

const NOTHING = new Uint8Array();

function batches(records: readonly Entry[]): Entry[][] {
  const all: Entry[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const record of records) {
    const size = record.value.length + record.key.length;
    if (bytes + size > BATCH_BYTES) {
      all.push([]);
      bytes = 0;
    }
    all.at(-1)?.push(record);
    bytes += size;
  }
  return all;
}

function topicDataOf({ name, partition, sequence: firstSequence }: Lane, records: readonly Entry[]) {
  return { topic: name, partitions: [{ partition, firstSequence, messages: records.map(messageOf) }] };
}

function messageOf({ key, value, time, headers = [] }: Entry) {
  return {
    key,
    value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
    timestamp: time,
    ...(headers.length > 0 ? { headers: headersOf(headers) } : {}),
  };
}

/** As kafkajs takes them: several of one name as a list. */
function headersOf(headers: readonly Header[]): Record<string, Buffer | Buffer[]> {
  const all: Record<string, Buffer | Buffer[]> = {};
  for (const { name, value } of headers) {
    const before = Object.hasOwn(all, name) ? all[name] : undefined;
    const bytes = Buffer.from(value);
    const list = before === undefined ? bytes : [before, bytes].flat();
    Object.defineProperty(all, name, { value: list, enumerable: true, configurable: true, writable: true });
  }
  return all;
}
