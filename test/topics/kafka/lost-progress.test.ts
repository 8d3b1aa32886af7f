/**
 * Progress that is gone, records that are gone, topics that were made again, on a real broker: the run stops
 * and says how to go on, and neither does its work twice nor ends as if all were done.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Admin } from 'kafkajs';
import { Run, type RunEnd } from '../../../src/runtime/run.ts';
import { runtimeConfig } from '../../../src/runtime/runtime-config.ts';
import { decode, encode } from '../../../src/topics/avro/codec.ts';
import type { Transport } from '../../../src/topics/transport.ts';
import { until } from '../../patience.ts';
import { question } from '../../records.ts';
import { sharedBroker, withKafka } from './broker.ts';
import { adminOf, type KafkaFixture, kafkaFixture, runName } from './kafka-fixture.ts';
import { startStage } from './start-stage.ts';

const stages = [startStage];

withKafka('progress that does not fit its topic', () => {
  let kafka: KafkaFixture;
  let admin: Admin;
  let run: string;
  let transport: Transport;

  beforeAll(async () => {
    const address = await sharedBroker();
    kafka = kafkaFixture(address, { topicCheckMs: 50 });
    admin = await adminOf(address);
  });
  afterAll(async () => {
    await admin.disconnect();
    await kafka.cleanup();
  });
  beforeEach(async () => {
    run = runName('lost');
    transport = await opened();
    await feed(0, 10);
  });

  const topic = (name: string) => `swirl.${run}.${name}`;
  async function opened(): Promise<Transport> {
    const made = await kafka.open(run);
    await made.ensureTopics(['questions', 'turns', 'failures'].map((name) => ({ name, partitions: 1 })));
    return made;
  }

  async function feed(from: number, to: number): Promise<void> {
    const ids = Array.from({ length: to - from }, (_, i) => `q${from + i}`);
    await transport.append(
      ids.map((id) => ({ topic: 'questions', key: id, value: encode('questions', question({ id })) })),
    );
  }

  function work(stop = new AbortController().signal): Promise<RunEnd> {
    const untilDrained = !stop.aborted;
    return new Run(
      { stages, flow: stages, scheduled: [], untilDrained, stop, abort: new AbortController().signal },
      { transport, codec: { encode, decode }, config: runtimeConfig.parse({}), now: () => performance.now() },
    ).run();
  }

  async function turns(): Promise<number> {
    let count = 0;
    for await (const _ of transport.read('turns')) count++;
    return count;
  }

  /** Deletes the records before an offset; a broker may not until the marks of their transactions are there. */
  async function deleteBefore(offset: number): Promise<void> {
    const partitions = [{ partition: 0, offset: `${offset}` }];
    await until('the records to be deleted', () =>
      admin.deleteTopicRecords({ topic: topic('questions'), partitions }).then(
        () => true,
        () => false,
      ),
    );
  }

  async function remade(name: string): Promise<void> {
    await admin.deleteTopics({ topics: [topic(name)] });
    await until('the topic to be gone', async () => !(await admin.listTopics()).includes(topic(name)));
  }

  test('a group that has forgotten it does nothing a second time', async () => {
    expect(await work()).toBe('drained');
    await admin.deleteGroups([topic('start.questions')]);
    await expect(work()).rejects.toThrow(
      /stage start has no progress in questions, but turns has its outputs.*swirl reset --stage start --to latest/s,
    );
    expect(await turns()).toBe(10);
  });

  test('records that were deleted before the first commit are not left out in silence', async () => {
    await deleteBefore(4);
    await expect(work()).rejects.toThrow(
      /records 0 to 3 were deleted .*before the stage start.*reset --stage start --partition 0 --to earliest/,
    );
    expect(await turns()).toBe(0);
  });

  test('nor are those that were deleted before they were read', async () => {
    await work();
    await feed(10, 20);
    const [next = 0] = await transport.committed('start', 'questions');
    await deleteBefore(next + 5);
    await expect(work()).rejects.toThrow(new RegExp(`records ${next} to ${next + 4} were deleted`));
    expect(await turns()).toBe(10);
  });

  test('a topic that was made again is another, before a run', async () => {
    await work();
    const [stored] = (await admin.fetchOffsets({ groupId: topic('start.questions') }))[0]?.partitions ?? [];
    await remade('questions');
    transport = await opened();
    await feed(0, 30);
    // Kafka forgets the progress with the topic: what wrote the outputs is not known any more.
    await expect(work()).rejects.toThrow('start has no progress in questions, but turns has its outputs');
    expect(stored?.metadata).toMatch(/@[0-9a-f]{32}\/1$/);
    expect(await turns()).toBe(10);
  });

  test('and under it', async () => {
    const stop = new AbortController();
    const running = work(stop.signal);
    // Whatever it ends with is looked at below.
    running.catch(() => {});
    await until('the first turns', async () => (await turns()) === 10);
    await remade('questions');
    // Whoever sees it first says so: the watch, a reader, or the look for the end of the run.
    await expect(running).rejects.toThrow(
      /questions.*(was deleted (under the run|and made again)|Was the topic deleted and made again)/s,
    );
  });
});
