/** One producer's transactions: records and a group's progress, committed together or not at all. */
import { randomUUID } from 'node:crypto';
import { sleep } from '../../clock.ts';
import type { Output } from '../transport.ts';
import type { Broker, ProducerIdentity, SentMessage } from './broker.ts';
import { isBusy } from './kafka-errors.ts';
import type { Link } from './link.ts';

/** A record on its way to a partition. */
export interface Placed {
  /** The topic's name on the cluster. */
  readonly name: string;
  readonly partition: number;
  readonly output: Output;
}

/** Whose progress a transaction sets, and where it is kept. */
export interface ProgressPlace {
  readonly group: string;
  readonly name: string;
  readonly partition: number;
}

export interface Progress extends ProgressPlace {
  readonly offset: number;
  /** Stored beside the offset: names the transaction that stored it. */
  readonly token: string;
}

export interface WriteOptions {
  /** The topic's name on the cluster. */
  readonly name: string;
  readonly partition: number;
  readonly batches: readonly (readonly SentMessage[])[];
  readonly end: 'commit' | 'abort';
}

/** About how many bytes of records go into one batch; a larger record goes alone. */
const BATCH_BYTES = 512 * 1024;
/** About how many go into one request: brokers close the connection at 100 MiB (`socket.request.max.bytes`). */
const REQUEST_BYTES = 16 * 1024 * 1024;
/** Between attempts while the transaction before is still being completed, in milliseconds. */
const BUSY_MS = 4;

export class Transactor {
  readonly #link: Link;
  readonly #transactionalId: string;
  readonly #timeoutMs: number;
  #producer: ProducerIdentity | undefined;
  #sequences = new Map<string, number>();

  constructor(link: Link, transactionalId: string, timeoutMs: number) {
    this.#link = link;
    this.#transactionalId = transactionalId;
    this.#timeoutMs = timeoutMs;
  }

  /** Whether `begin` has succeeded and nothing has failed since. */
  get ready(): boolean {
    return this.#producer !== undefined;
  }

  /** Fences every other producer of this transactional id, and aborts what it had begun. */
  async begin(): Promise<void> {
    this.#producer = undefined;
    const transactionalId = this.#transactionalId;
    const coordinator = await this.#link.coordinator('transaction', transactionalId);
    const { producerId, producerEpoch } = await whenFree(() =>
      coordinator.initProducerId({ transactionalId, transactionTimeout: this.#timeoutMs }),
    );
    this.#sequences = new Map();
    this.#producer = { transactionalId, producerId, producerEpoch };
  }

  /**
   * One transaction. When it throws it may or may not have been committed, and `begin` must come first again.
   * `alone`: each record in a batch of its own, where a topic allows less than our batches hold.
   */
  async run(records: readonly Placed[], progress: Progress, { alone = false } = {}): Promise<void> {
    const producer = this.#producer;
    if (producer === undefined) throw new Error('begin comes before run');
    // Whatever goes wrong leaves a transaction open, and this producer unfit for another.
    this.#producer = undefined;
    const coordinator = await this.#link.coordinator('transaction', this.#transactionalId);
    const { group, name, partition, offset, token } = progress;
    const topics = partitionsOf(records);
    await Promise.all([
      topics.length > 0 ? whenFree(() => coordinator.addPartitionsToTxn({ ...producer, topics })) : undefined,
      whenFree(() => coordinator.addOffsetsToTxn({ ...producer, groupId: group })),
    ]);
    await Promise.all([
      this.#produce(producer, rounds(records, alone ? 0 : BATCH_BYTES)),
      this.#link.coordinator('group', group).then((keeper) =>
        keeper.txnOffsetCommit({
          ...producer,
          groupId: group,
          topics: [{ topic: name, partitions: [{ partition, offset, metadata: token }] }],
        }),
      ),
    ]);
    await coordinator.endTxn({ ...producer, transactionResult: true });
    this.#producer = producer;
  }

  /**
   * A transaction of records in one partition, in batches, without any progress. Only where nobody else writes
   * there: when it throws, the records are half there.
   */
  async write({ name, partition, batches, end }: WriteOptions): Promise<void> {
    if (this.#producer === undefined) await this.begin();
    const producer = this.#producer as unknown as ProducerIdentity;
    this.#producer = undefined;
    const topics = [{ topic: name, partitions: [partition] }];
    const coordinator = () => this.#link.coordinator('transaction', this.#transactionalId);
    await whenFree(async () => (await coordinator()).addPartitionsToTxn({ ...producer, topics }));
    for (const messages of batches) {
      const firstSequence = this.#sequence(name, partition, messages.length);
      const topicData = [{ topic: name, partitions: [{ partition, firstSequence, messages }] }];
      // What comes twice is known by its sequence.
      await this.#link.patiently(`writing ${name}`, async () => {
        const leader = await this.#link.leader(name, partition);
        return leader.produce({ ...producer, acks: -1, timeout: this.#timeoutMs, topicData });
      });
    }
    await (await coordinator()).endTxn({ ...producer, transactionResult: end === 'commit' });
    this.#producer = producer;
  }

  async #produce(producer: ProducerIdentity, all: readonly (readonly Batch[])[]): Promise<void> {
    // In rounds of one batch for each partition: the batches of a partition must arrive in order.
    for (const round of all) {
      const byLeader = new Map<Broker, Batch[]>();
      for (const batch of round) {
        const leader = await this.#link.leader(batch.name, batch.partition);
        byLeader.set(leader, [...(byLeader.get(leader) ?? []), batch]);
      }
      await Promise.all([...byLeader].map((led) => this.#produceAt(producer, ...led)));
    }
  }

  async #produceAt(producer: ProducerIdentity, leader: Broker, led: readonly Batch[]): Promise<void> {
    for (const batches of requests(led)) {
      await leader.produce({
        ...producer,
        acks: -1,
        timeout: this.#timeoutMs,
        topicData: batches.map(({ name, partition, messages }) => ({
          topic: name,
          partitions: [
            { partition, messages, firstSequence: this.#sequence(name, partition, messages.length) },
          ],
        })),
      });
    }
  }

  /** Numbers the records of each partition, so that the broker notices when one is missing or comes twice. */
  #sequence(name: string, partition: number, count: number): number {
    const key = `${name}/${partition}`;
    const first = this.#sequences.get(key) ?? 0;
    this.#sequences.set(key, (first + count) % 2 ** 31);
    return first;
  }
}

/** A transactional id, or part of a token, that nobody else has. */
export function unique(): string {
  return randomUUID();
}

/** Tries again while the transaction before is still being completed: a matter of milliseconds. */
async function whenFree<T>(request: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await request();
    } catch (error) {
      // After a second the caller's patience takes over, which looks for the coordinator anew.
      if (!isBusy(error) || attempt >= 250) throw error;
      await sleep(BUSY_MS);
    }
  }
}

function partitionsOf(
  records: readonly Placed[],
): { readonly topic: string; readonly partitions: number[] }[] {
  const topics = new Map<string, Set<number>>();
  for (const { name, partition } of records) {
    topics.set(name, (topics.get(name) ?? new Set()).add(partition));
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions: [...partitions] }));
}

interface Batch {
  readonly name: string;
  readonly partition: number;
  bytes: number;
  readonly messages: { readonly key: string; readonly value: Buffer }[];
}

/**
 * The records as batches of about so many bytes (0: of one record each), in rounds with at most one batch of
 * each partition.
 */
function rounds(records: readonly Placed[], batchBytes: number): Batch[][] {
  const all: Batch[][] = [];
  const open = new Map<string, { readonly round: number; readonly batch: Batch }>();
  for (const { name, partition, output } of records) {
    const key = `${name}/${partition}`;
    const { value } = output;
    const bytes = value.length + output.key.length;
    let last = open.get(key);
    if (last === undefined || last.batch.bytes + bytes > batchBytes) {
      const round = last === undefined ? 0 : last.round + 1;
      last = { round, batch: { name, partition, bytes: 0, messages: [] } };
      open.set(key, last);
      all[round] ??= [];
      all[round].push(last.batch);
    }
    last.batch.bytes += bytes;
    last.batch.messages.push({
      key: output.key,
      value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
    });
  }
  return all;
}

/** The batches of one round in requests of about `REQUEST_BYTES`. */
function requests(batches: readonly Batch[]): Batch[][] {
  const all: Batch[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const batch of batches) {
    if (bytes + batch.bytes > REQUEST_BYTES) {
      all.push([]);
      bytes = 0;
    }
    all.at(-1)?.push(batch);
    bytes += batch.bytes;
  }
  return all;
}
