/**
 * What only Kafka has: sessions, hand-over, aborted transactions, limits of topics, other producers' records.
 */
import { createHash } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { CompressionTypes, Kafka, logLevel } from 'kafkajs';
import { ConfigError, TransportError } from '../../../src/errors.ts';
import { kafkaConfig } from '../../../src/topics/kafka/kafka-config.ts';
import { groupName, topicName, topicOf } from '../../../src/topics/kafka/names.ts';
import type { InputPartition, Transport } from '../../../src/topics/transport.ts';
import { PATIENCE_MS, pause, until } from '../../patience.ts';
import { collect, offsetAfter, output, present, pullCount, text } from '../contract/given.ts';
import { sharedBroker, withKafka } from './broker.ts';
import { type KafkaFixture, kafkaFixture, runName } from './kafka-fixture.ts';

describe('names and configuration', () => {
  test('a dot separates the parts, so none has one', () => {
    expect(topicName('main', 'tool-calls')).toBe('swirl.main.tool-calls');
    expect(topicOf('main', 'swirl.main.tool-calls')).toBe('tool-calls');
    expect(topicOf('main', 'swirl.main2.turns')).toBeUndefined();
    expect(topicOf('main', 'swirl.main.not.ours')).toBeUndefined();
    expect(() => topicName('a.b', 'turns')).toThrow(ConfigError);
    const place = { run: 'new', group: 'train', topic: 'scored' };
    expect(groupName({ ...place, source: 'new' })).toBe('swirl.new.train.scored');
    expect(groupName({ ...place, source: 'old' })).toBe('swirl.new.train.scored@old');
  });

  test('a heartbeat that comes too seldom for the session is refused', () => {
    const brokers = ['127.0.0.1:9092'];
    expect(kafkaConfig.safeParse({ brokers }).success).toBe(true);
    expect(kafkaConfig.safeParse({ brokers, sessionMs: 6000, heartbeatMs: 3000 }).success).toBe(false);
    expect(kafkaConfig.safeParse({ brokers: ['nowhere'] }).success).toBe(false);
  });
});

withKafka('Kafka', () => {
  let address: string;
  let kafka: KafkaFixture;
  let run: string;
  let transport: Transport;
  let over: AbortController;
  let client: Kafka;

  beforeAll(async () => {
    address = await sharedBroker();
    client = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING });
  });

  beforeEach(async () => {
    kafka = kafkaFixture(address);
    over = new AbortController();
    run = runName('only');
    transport = await kafka.open(run);
    await transport.ensureTopics(['in', 'out'].map((name) => ({ name, partitions: name === 'in' ? 2 : 1 })));
  });

  afterEach(async () => {
    over.abort();
    await kafka.cleanup();
  });

  /** Another setting of the topic `out`. */
  async function setTopic(entry: { readonly name: string; readonly value: string }): Promise<void> {
    const admin = client.admin();
    await admin.connect();
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: 2, name: topicName(run, 'out'), configEntries: [entry] }],
    });
    await admin.disconnect();
  }

  /** The partitions that a worker comes to have, as they come. */
  function subscribed(of: Transport, topic = 'in'): InputPartition[] {
    const inputs: InputPartition[] = [];
    void (async () => {
      for await (const input of of.subscribe({ group: 'g', topic, signal: over.signal })) inputs.push(input);
    })();
    return inputs;
  }

  const inPartition = (partition: number) =>
    ['q0', 'q1', 'q2', 'q3', 'q4', 'q5'].map((key) => output('in', key, `${key} of ${partition}`));

  test('records in flight for longer than the session cost nothing: the worker is heard of meanwhile', async () => {
    const sessionMs = 6_000;
    const slow = await kafka.open(run, { sessionMs });
    await transport.append(inPartition(0));
    const inputs = subscribed(slow);
    await until('both partitions', () => inputs.length === 2);
    const held = await Promise.all(inputs.map((input) => input.pull(10, PATIENCE_MS)));
    await pause(2 * sessionMs);
    for (const [i, input] of inputs.entries()) {
      expect(input.lost.aborted).toBe(false);
      const entries = held[i] ?? [];
      await input.commit(
        offsetAfter(entries.at(-1)),
        entries.map((entry) => output('out', entry.key, text(entry))),
      );
    }
    expect(await present(transport, 'out')).toBe(6);
    expect(inputs.length).toBe(2);
  });

  test('a partition that goes to another worker is finished first, and begun there after it', async () => {
    await transport.append(inPartition(0));
    const first = subscribed(transport);
    await until('both partitions', () => first.length === 2);
    const held = new Map<InputPartition, Awaited<ReturnType<InputPartition['pull']>>>();
    for (const input of first) held.set(input, await input.pull(1, PATIENCE_MS));

    const second = subscribed(await kafka.open(run));
    await until('a request to let go', () => first.some((input) => input.leaving?.aborted === true));
    const leaving = first.find((input) => input.leaving?.aborted) as InputPartition;
    // Nobody else has it until it is let go.
    await pause(300);
    expect(second.length).toBe(0);
    const [entry] = held.get(leaving) ?? [];
    await leaving.commit(offsetAfter(entry), [output('out', 'k', text(entry))]);
    leaving.release?.();
    expect(leaving.lost.aborted).toBe(true);
    await until('a partition for the second', () => second.length === 1);
    expect(second[0]?.partition).toBe(leaving.partition);
    expect(second[0]?.position).toBe(offsetAfter(entry));
    await expect(leaving.commit(offsetAfter(entry), [])).rejects.toThrow(TransportError);
    expect(first.filter((input) => !input.lost.aborted).length).toBe(1);
  });

  test('a worker that does not let go in time loses the partition', async () => {
    const first = subscribed(await kafka.open(run, { handOverMs: 200 }));
    await until('both partitions', () => first.length === 2);
    const second = subscribed(transport);
    await until('a partition for the second', () => second.length === 1);
    const lost = first.filter((input) => input.lost.aborted);
    expect(lost.map(({ partition }) => partition)).toEqual([second[0]?.partition]);
    expect(lost[0]?.lost.reason).toMatchObject({ retryable: true });
  });

  test('who waits for a group can be ended meanwhile', async () => {
    // They say so seldom that they live that the one hears of the other much later than this test takes.
    const seldom = { sessionMs: 1_800_000, heartbeatMs: 60_000, rebalanceMs: 1_800_000 };
    const deaf = subscribed(await kafka.open(run, seldom));
    await until('both partitions', () => deaf.length === 2);
    const joining = await kafka.open(run, seldom);
    const stop = new AbortController();
    const came: InputPartition[] = [];
    const ended = (async () => {
      const options = { group: 'g', topic: 'in', signal: stop.signal };
      for await (const input of joining.subscribe(options)) came.push(input);
    })();
    await pause(500);
    stop.abort();
    await ended;
    expect(came).toEqual([]);
  });

  test('what was aborted is not seen, and the position goes over it', async () => {
    const producer = client.producer({ transactionalId: run, idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const topic = topicName(run, 'out');
    for (const [value, how] of [
      ['never', 'abort'],
      ['seen', 'commit'],
      ['never again', 'abort'],
    ] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ key: 'k', value }] });
      await transaction[how]();
    }
    await producer.disconnect();
    expect((await collect(transport, 'out', 1)).map(text)).toEqual(['seen']);
    expect(await present(transport, 'out')).toBe(1);
    const [input] = await (async () => {
      const inputs = subscribed(transport, 'out');
      await until('the partition', () => inputs.length === 1);
      return inputs as [InputPartition];
    })();
    expect((await pullCount(input, 1)).map(text)).toEqual(['seen']);
    await until('the end', async () => {
      expect(await input.pull(0, 50)).toEqual([]);
      return input.position === (await input.end());
    });
  });

  test("other programs' records: no key, no value, compressed, without a transaction", async () => {
    const producer = client.producer();
    await producer.connect();
    const topic = topicName(run, 'out');
    await producer.send({ topic, messages: [{ key: null, value: null }, { value: 'plain' }] });
    await producer.send({
      topic,
      compression: CompressionTypes.GZIP,
      messages: [{ key: 'k', value: 'zipped' }],
    });
    await producer.disconnect();
    const entries = await collect(transport, 'out', 3);
    expect(entries.map((entry) => [entry.key, text(entry)])).toEqual([
      ['', ''],
      ['', 'plain'],
      ['k', 'zipped'],
    ]);
  });

  test.each(['gzip', 'snappy', 'lz4', 'zstd'])(
    'a topic that the broker compresses with %s',
    async (codec) => {
      await setTopic({ name: 'compression.type', value: codec });
      // Some of it repeats, within a record and beyond; some does not.
      const values = Array.from({ length: 60 }, (_, i) => {
        const noise = createHash('shake256', { outputLength: 4_000 }).update(`${i}`).digest('base64');
        return `${i} ${'again and '.repeat(i * 20)}${noise}`;
      });
      await transport.append(values.map((value) => output('out', 'k', value)));
      expect((await collect(transport, 'out', values.length)).map(text)).toEqual(values);
      const careful = await kafka.open(run, { decompressedBytes: 1024 });
      await expect(collect(careful, 'out', 1)).rejects.toThrow(
        new RegExp(`reading swirl.only-.*out.*compressed with ${codec} that becomes at most 1024 bytes`),
      );
    },
  );

  test('too large a record is refused before it is sent; a topic that allows less says so, and nothing is lost', async () => {
    const small = await kafka.open(run, { maxRecordBytes: 2048 });
    await expect(small.append([{ topic: 'out', key: 'k', value: Buffer.alloc(3000) }])).rejects.toThrow(
      /2048.*maxRecordBytes.*3000/,
    );
    await setTopic({ name: 'max.message.bytes', value: '4096' });
    await transport.append([output('in', 'k', 'a')]);
    const inputs = subscribed(transport);
    await until('both partitions', () => inputs.length === 2);
    // The one of the two partitions that has the record.
    const [fed] = await collect(transport, 'in', 1);
    const input = inputs.find(({ partition }) => partition === fed?.partition) as InputPartition;
    const [entry] = await pullCount(input, 1);
    await expect(input.commit(offsetAfter(entry), [output('out', 'k', 'x'.repeat(10_000))])).rejects.toThrow(
      /max\.message\.bytes/,
    );
    await input.commit(offsetAfter(entry), [output('out', 'k', 'short')]);
    expect((await collect(transport, 'out', 1)).map(text)).toEqual(['short']);
    expect(await present(transport, 'out')).toBe(1);
  });

  test('topics are made as declared; a difference is told and left', async () => {
    const declared = {
      replication: 1,
      retentionHours: 2,
      compact: false,
      only: { special: { compact: true, retentionHours: null } },
    };
    const other = await kafka.open(run, { topics: declared });
    await other.ensureTopics([
      { name: 'special', partitions: 3 },
      { name: 'out', partitions: 1 },
    ]);
    expect(kafka.notes).toEqual([
      `Topic swirl.${run}.out has retention.ms -1, the configuration says 7200000. It was left as it is.`,
    ]);
    const admin = client.admin();
    await admin.connect();
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: topicName(run, 'special') }],
    });
    await admin.disconnect();
    const settings = new Map(
      resources[0]?.configEntries.map((entry) => [entry.configName, entry.configValue]),
    );
    expect(['cleanup.policy', 'retention.ms', 'max.message.bytes'].map((name) => settings.get(name))).toEqual(
      ['compact', '-1', `${4 * 2 ** 20 + 2 ** 16}`],
    );
  });

  test('what retention has deleted: readers and new groups begin after it, a position before it is an error', async () => {
    await transport.append(Array.from({ length: 5 }, (_, i) => output('out', 'k', `${i}`)));
    const all = await collect(transport, 'out', 5);
    const admin = client.admin();
    await admin.connect();
    // So that it knows the topic.
    await admin.fetchTopicOffsets(topicName(run, 'out'));
    await admin.deleteTopicRecords({
      topic: topicName(run, 'out'),
      partitions: [{ partition: 0, offset: `${all[3]?.offset}` }],
    });
    await admin.disconnect();
    expect((await collect(transport, 'out', 2)).map(text)).toEqual(['3', '4']);
    const inputs = subscribed(transport, 'out');
    await until('the partition', () => inputs.length === 1);
    const [input] = inputs as [InputPartition];
    expect(input.position).toBe(all[3]?.offset);
    input.seek(0);
    await expect(input.pull(1, PATIENCE_MS)).rejects.toThrow(/retention/);
  });

  test('an address where nobody answers is an error that names it, soon', async () => {
    const { openKafka } = await import('../../../src/topics/kafka/kafka-transport.ts');
    const config = kafkaConfig.parse({ brokers: ['127.0.0.1:1'], outageMs: 1000 });
    await expect(openKafka({ run, config })).rejects.toThrow(/127\.0\.0\.1:1/);
  });
});
