/**
 * Records that can never be written on, on a real broker: each is a failure that says where it was, and the
 * run goes on.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Run } from '../../../src/runtime/run.ts';
import { runtimeConfig } from '../../../src/runtime/runtime-config.ts';
import { decode, encode } from '../../../src/topics/avro/codec.ts';
import type { Failure } from '../../../src/topics/records.generated.ts';
import type { Transport } from '../../../src/topics/transport.ts';
import { question } from '../../records.ts';
import { sharedBroker, withKafka } from './broker.ts';
import { type KafkaFixture, kafkaFixture, runName } from './kafka-fixture.ts';
import { startStage } from './start-stage.ts';

withKafka('records that nothing can be made of', () => {
  let kafka: KafkaFixture;
  beforeAll(async () => {
    kafka = kafkaFixture(await sharedBroker());
  });
  afterAll(() => kafka.cleanup());

  /** Runs the stage on what is there, to its end. */
  async function drain(transport: Transport): Promise<void> {
    const stages = [startStage];
    const never = new AbortController().signal;
    await new Run(
      { stages, flow: stages, scheduled: [], untilDrained: true, stop: never, abort: never },
      {
        transport,
        codec: { encode, decode },
        config: runtimeConfig.parse({}),
        now: () => performance.now(),
      },
    ).run();
  }

  async function failures(transport: Transport): Promise<Failure[]> {
    const found: Failure[] = [];
    for await (const { value } of transport.read('failures')) found.push(decode('failures', value));
    return found;
  }

  async function ids(transport: Transport): Promise<string[]> {
    const found: string[] = [];
    for await (const { value } of transport.read('turns')) found.push(decode('turns', value).id);
    return found;
  }

  test('become failures with their places, whatever their size', async () => {
    const run = runName('poison');
    // Topics that allow less than the transport does, as somebody else may have made them.
    const small = await kafka.open(run, { maxRecordBytes: 1024 });
    await small.ensureTopics(['turns', 'failures'].map((name) => ({ name, partitions: 1 })));
    const transport = await kafka.open(run);
    await transport.ensureTopics([{ name: 'questions', partitions: 1 }]);
    const asked = [
      question({ id: 'first' }),
      question({ id: 'x'.repeat(2_000) }),
      question({ id: 'large', text: 'y'.repeat(100_000) }),
      question({ id: 'last' }),
    ].map((value) => ({ topic: 'questions', key: '', value: encode('questions', value) }));
    const garbage = { topic: 'questions', key: '', value: Buffer.alloc(500_000, 7) };
    await transport.append([...asked.slice(0, 3), garbage, ...asked.slice(3)]);

    await drain(transport);
    expect(await ids(transport)).toEqual(['first/0/0', 'last/0/0']);
    const found = await failures(transport);
    expect(found.map(({ offset, stage, partition }) => [offset, stage, partition])).toEqual([
      [1, 'start', 0],
      [2, 'start', 0],
      [3, 'start', 0],
    ]);
    const [key, large, bytes] = found;
    expect(key?.message).toContain('expected a key of at most 1024 bytes');
    expect(key?.record).toMatch(/^x{256} \[cut: 1744 more characters\]$/);
    expect([large?.record, large?.message]).toEqual(['large', expect.stringContaining('max.message.bytes')]);
    expect(bytes?.bytes?.length).toBeLessThanOrEqual(64 * 1024);
    expect(bytes?.message).toMatch(/\[cut: \d+ of the 500000 bytes\]$/);
    // Nothing is left to do when it is started again.
    await drain(transport);
    expect([await ids(transport), await failures(transport)]).toEqual([['first/0/0', 'last/0/0'], found]);
  });

  test('small records pass, though many of them at once are more than the topic allows', async () => {
    const run = runName('small');
    const small = await kafka.open(run, { maxRecordBytes: 1024 });
    await small.ensureTopics(['questions', 'turns', 'failures'].map((name) => ({ name, partitions: 1 })));
    const transport = await kafka.open(run);
    const names = Array.from({ length: 40 }, (_, i) => `q${i}`);
    const text = 'z'.repeat(10_000);
    await transport.append(
      names.map((id) => ({
        topic: 'questions',
        key: id,
        value: encode('questions', question({ id, text })),
      })),
    );
    await drain(transport);
    expect(await ids(transport)).toEqual(names.map((id) => `${id}/0/0`));
    expect(await failures(transport)).toEqual([]);
  });
});
