/**
 * The whole loop on a real broker, by the commands: the same records and the same weights as on the embedded
 * log.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { decode } from '../../src/topics/avro/codec.ts';
import type { RecordOf } from '../../src/topics/record-of.ts';
import type { TopicRecords } from '../../src/topics/records.generated.ts';
import { TOPICS } from '../../src/topology/topics.ts';
import { sharedBroker, withKafka } from '../topics/kafka/broker.ts';
import { type KafkaFixture, kafkaFixture, runName } from '../topics/kafka/kafka-fixture.ts';
import { sumLines } from './able-policy.ts';
import { recordsOf } from './run-records.ts';
import { sumsTopology } from './sums-topology.ts';
import { type Workplace, workplace } from './swirl-process.ts';

withKafka('the whole loop on Kafka', () => {
  const run = runName('loop');
  let place: Workplace;
  let kafka: KafkaFixture;

  const swirl = async (...args: string[]) => {
    const ended = await place.swirl(args);
    if (ended.code !== 0)
      throw new Error(`swirl ${args.join(' ')}: ${ended.code}\n${ended.stderr.slice(-2000)}`);
    return ended;
  };

  beforeAll(async () => {
    const address = await sharedBroker();
    kafka = kafkaFixture(address);
    place = workplace();
    place.write('questions.jsonl', sumLines(5).join(''));
    place.write('embedded.yaml', { ...sumsTopology('runs'), run: 'embedded' });
    const transport = { kind: 'kafka', brokers: [address], sessionMs: 120_000 };
    place.write('kafka.yaml', { ...sumsTopology('runs'), run, transport });
    const shape = ['--vocabulary', '300', '--hidden', '16', '--layers', '1', '--positions', '256'];
    expect(await place.swirl(['new-policy', 'policy', '--texts', 'questions.jsonl', ...shape])).toMatchObject(
      { code: 0 },
    );
    for (const file of ['embedded.yaml', 'kafka.yaml']) {
      await swirl('feed', 'questions.jsonl', '-t', file);
      await swirl('run', file, '--until-drained');
    }
  });

  afterAll(async () => {
    await kafka.cleanup();
    await place.remove();
  });

  async function onKafka<K extends string>(of: string, topic: K): Promise<RecordOf<K>[]> {
    const transport = await kafka.open(of);
    const records: RecordOf<K>[] = [];
    for await (const { value } of transport.read(topic)) records.push(decode(topic, value));
    return records;
  }
  /** What of an update is a function of the records: not the offsets, where Kafka has marks in between. */
  const learned = (updates: readonly TopicRecords['updates'][]) =>
    updates.map(({ step, loss, weightsHash, trajectories }) => ({ step, loss, weightsHash, trajectories }));

  test('gives the records of the embedded log in the same order, and the same weights', async () => {
    for (const topic of TOPICS.filter((name) => name !== 'updates')) {
      const expected = await recordsOf(place.path('runs'), 'embedded', topic);
      expect([topic, await onKafka(run, topic)]).toEqual([topic, expected]);
    }
    const updates = await onKafka(run, 'updates');
    expect(updates.length).toBeGreaterThan(2);
    expect(learned(updates)).toEqual(learned(await recordsOf(place.path('runs'), 'embedded', 'updates')));
  });

  test('a tap sees the records, a replay makes the weights again', async () => {
    const tap = await swirl('tap', 'judged', '-t', 'kafka.yaml', '--json');
    expect(
      tap.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).record.id),
    ).toEqual((await onKafka(run, 'judged')).map(({ id }) => id));
    const again = `${run}-again`;
    await swirl('replay', '--run', run, '--from', 'scored', '--as', again);
    expect(learned(await onKafka(again, 'updates'))).toEqual(learned(await onKafka(run, 'updates')));
    expect(await onKafka(again, 'scored')).toEqual([]);
  });

  test('a second run finds nothing left to do; doctor finds the brokers, and topics that are otherwise', async () => {
    const second = await swirl('run', 'kafka.yaml', '--until-drained', '--json');
    const { stages } = JSON.parse(second.stdout) as {
      stages: Record<string, { done: number; backlog: number }>;
    };
    expect(Object.values(stages).map(({ done, backlog }) => [done, backlog])).toEqual(
      Object.keys(stages).map(() => [0, 0]),
    );

    const { checkKafka } = await import('../../src/cli/doctor-kafka.ts');
    const { loadTopology } = await import('../../src/topology/load.ts');
    const checks = async (...set: string[]) => {
      const found = [];
      for await (const check of checkKafka(loadTopology(place.path('kafka.yaml'), { set }).topology))
        found.push(check);
      return found.map(({ name, ok, lines = [] }) => [name, ok, ...lines]);
    };
    expect(await checks()).toEqual([
      ['brokers', true],
      ['topics', true],
    ]);
    expect(await checks('topics.judged.partitions=2', 'transport.topics.retentionHours=1')).toEqual([
      ['brokers', true],
      [
        'topics',
        false,
        'judged: 1 partitions, declared are 2',
        ...TOPICS.map((topic) => expect.stringContaining(`swirl.${run}.${topic}: retention.ms is -1`)),
      ],
    ]);
    expect(await checks('transport.brokers=[127.0.0.1:1]', 'transport.outageMs=1000')).toEqual([
      ['brokers', false],
    ]);
  });
});
