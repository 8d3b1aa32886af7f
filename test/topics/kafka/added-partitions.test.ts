/** Partitions that somebody adds to a topic under a run, on a real broker. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import type { InputPartition, Transport } from '../../../src/topics/transport.ts';
import { until } from '../../patience.ts';
import { sharedBroker, withKafka } from './broker.ts';
import { type KafkaFixture, kafkaFixture, runName } from './kafka-fixture.ts';

withKafka('partitions that are added under a run', () => {
  let kafka: KafkaFixture;
  let client: Kafka;
  let admin: Admin;

  beforeAll(async () => {
    const address = await sharedBroker();
    kafka = kafkaFixture(address, { topicCheckMs: 50 });
    client = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING });
    admin = client.admin();
    await admin.connect();
  });
  afterAll(async () => {
    await admin.disconnect();
    await kafka.cleanup();
  });

  const specs = [{ name: 'in', partitions: 2 }];
  const keys = Array.from({ length: 40 }, (_, i) => `k${i}`);

  /** Which partition each key is in. */
  async function placesOf(transport: Transport): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for await (const { key, partition } of transport.read('in')) found.set(key, partition);
    return found;
  }

  test('are read, and said; our own keys stay where they are', async () => {
    const run = runName('added');
    const [working, waiting] = [await kafka.open(run), await kafka.open(run)];
    await working.ensureTopics(specs);
    const end = new AbortController();
    const owned = new Map<number, InputPartition>();
    const taking = (async () => {
      for await (const input of working.subscribe({ group: 'g', topic: 'in', signal: end.signal }))
        owned.set(input.partition, input);
    })();
    await until('two partitions', () => owned.size === 2);
    await working.append(keys.map((key) => ({ topic: 'in', key, value: Buffer.from('before') })));
    const before = await placesOf(working);

    await admin.createPartitions({ topicPartitions: [{ topic: `swirl.${run}.in`, count: 5 }] });
    await until('all five', () => owned.size === 5, { everyMs: 20 });
    expect(kafka.notes).toContainEqual(
      `Topic swirl.${run}.in has 5 partitions now, before it had 2: all are read.`,
    );
    const producer = client.producer();
    await producer.connect();
    await producer.send({ topic: `swirl.${run}.in`, messages: [{ key: 'new', value: 'v', partition: 4 }] });
    await producer.disconnect();
    const last = owned.get(4) as InputPartition;
    const pulled: string[] = [];
    await until('the record', async () => {
      pulled.push(...(await last.pull(10, 100)).map(({ key }) => key));
      return pulled.length > 0;
    });
    expect(pulled).toEqual(['new']);
    await last.commit(last.position, []);
    expect((await working.committed('g', 'in'))[4]).toBe(last.position);

    // Whoever opens the run now, with the topology of before, writes where the others do.
    await waiting.ensureTopics(specs);
    await waiting.append(keys.map((key) => ({ topic: 'in', key, value: Buffer.from('after') })));
    const after = await placesOf(waiting);
    after.delete('new');
    expect(after).toEqual(before);
    expect(kafka.notes).toContainEqual(expect.stringContaining('partitions 5, the configuration says 2'));
    end.abort();
    await taking;

    // A topology that says something else would spread its keys anew.
    const other = await kafka.open(run);
    await other.ensureTopics([{ name: 'in', partitions: 3 }]);
    const inputs = other.subscribe({ group: 'g', topic: 'in', signal: new AbortController().signal });
    const taken = async () => {
      for await (const _ of inputs);
    };
    await expect(taken()).rejects.toThrow(/has written to 2 partitions, the configuration says 3/);
  });
});
