/** A run goes from Kafka to the embedded log and back as a file: every offset, every record, the same weights. */
import { spawnSync } from 'node:child_process';
import { readFileSync, renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Kafka, logLevel } from 'kafkajs';
import { openTransport } from '../../src/open-transport.ts';
import { arrayOf } from '../../src/topics/read-records.ts';
import type { LogEntry, Transport } from '../../src/topics/transport.ts';
import { keptTopology } from '../../src/topology/kept.ts';
import { setting, type Workplace, workplace } from '../end-to-end/swirl-process.ts';
import { sharedBroker, withKafka } from '../topics/kafka/broker.ts';
import { type KafkaFixture, kafkaFixture, runName } from '../topics/kafka/kafka-fixture.ts';

const fixture = fileURLToPath(new URL('../fixtures/recorded/before-modules.tar.gz', import.meta.url));

const plain = (entries: readonly LogEntry[]) =>
  entries.map(({ value, ...entry }) => ({ ...entry, value: Buffer.from(value).toString('base64') }));

withKafka('runs on Kafka', () => {
  const run = runName('file');
  let address: string;
  let place: Workplace;
  let cluster: KafkaFixture;

  beforeAll(async () => {
    address = await sharedBroker();
    cluster = kafkaFixture(address);
    place = workplace();
    expect(spawnSync('tar', ['-xzf', fixture], { cwd: place.folder }).status).toBe(0);
    const topology = JSON.parse(readFileSync(place.path('topology.yaml'), 'utf8')) as object;
    const transport = { kind: 'kafka', brokers: [address] };
    const topics = { judged: { partitions: 2 }, accepted: { partitions: 2 } };
    place.write('kafka.yaml', { ...topology, run, transport, topics });
    for (const command of [
      ['feed', 'questions.jsonl', '-t', 'kafka.yaml'],
      ['run', 'kafka.yaml', '--until-drained'],
    ])
      expect([0, 3]).toContain((await place.swirl(command)).code);
  });
  afterAll(async () => {
    await cluster?.cleanup();
    await place?.remove();
  });

  async function said(...command: string[]): Promise<void> {
    expect(await place.swirl(command)).toMatchObject({ code: 0 });
  }

  /** Everything in the topics of a run of a folder, and how far each stage was. */
  async function everything(folder: string) {
    const topology = keptTopology(place.path(folder), run);
    const transport = await openTransport(topology, { access: 'read', notify: () => {} });
    try {
      const topics = (await transport.topics()).sort((a, b) => (a.name < b.name ? -1 : 1));
      const entries = await Promise.all(
        topics.map(async ({ name }) => plain(await arrayOf(transport.read(name)))),
      );
      const progress = ['start', 'judge', 'filter', 'train'].map((stage) => {
        const reads = { start: 'questions', judge: 'sub-trajectories', filter: 'judged', train: 'scored' }[
          stage
        ];
        return transport.committed(stage, reads as string);
      });
      return { topics, entries, progress: await Promise.all(progress) };
    } finally {
      await transport.close();
    }
  }

  /** The hashes of a replay's updates. */
  async function replayed(folder: string): Promise<string[]> {
    const moved = setting(`policy.checkpoint=${place.path('policy')}`);
    const as = ['--run', run, '--from', 'scored', '--as', `${run}-again`, '--folder', folder];
    await said('replay', ...as, ...moved);
    const { stdout } = await place.swirl(['tap', 'updates', '--json', '-t', `${folder}/${run}-again`]);
    await said('runs', 'delete', `${run}-again`, '--yes', '--folder', folder);
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { record: { weightsHash: string } }).record.weightsHash);
  }

  test('to the embedded log and back', async () => {
    const first = await everything('runs');
    expect(first.entries.map((entries) => entries.length).sort()).not.toContain(undefined);
    // Between records stand the marks of transactions.
    expect(
      first.topics.some(
        ({ offsets }, i) => offsets.reduce((sum, { end }) => sum + end, 0) > (first.entries[i]?.length ?? 0),
      ),
    ).toBe(true);
    await said('export', run, 'first.tar');

    await said('import', 'first.tar', '--folder', 'embedded', ...setting('transport.kind=embedded'));
    expect(await everything('embedded')).toEqual(first);
    const hashes = await replayed('embedded');
    await said('export', run, 'second.tar', '--folder', 'embedded');

    await said('runs', 'delete', run, '--yes');
    await said('import', 'second.tar', ...setting(`transport={kind: kafka, brokers: ["${address}"]}`));
    expect(await everything('runs')).toEqual(first);
    expect(await replayed('runs')).toEqual(hashes);
    await said('export', run, 'third.tar');
    renameSync(place.path('first.tar'), place.path('kept.tar'));
    const [one, three] = ['kept.tar', 'third.tar'].map((file) => readFileSync(place.path(file)));
    expect(one?.equals(three as Buffer)).toBe(true);
    const refused = await place.swirl(['import', 'third.tar', '--folder', 'other']);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('already') });
    await said('run', `runs/${run}`, '--until-drained');
    expect((await everything('runs')).entries).toEqual(first.entries);
  });

  test('headers are in the file and on Kafka; an embedded log has none, and the import says so', async () => {
    const producer = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING }).producer();
    await producer.connect();
    const [first] = plain(await arrayOf((await cluster.open(run)).read('questions')));
    const headers = { trace: ['a', 'b'], by: 'hand' };
    const value = Buffer.from(first?.value ?? '', 'base64');
    const messages = [{ key: first?.key ?? '', value, headers }];
    await producer.send({ topic: `swirl.${run}.questions`, messages });
    await producer.disconnect();
    const named = async () =>
      (await arrayOf((await cluster.open(run)).read('questions'))).flatMap((entry) =>
        (entry.headers ?? []).map(({ name, value }) => `${name}=${value === null ? '' : Buffer.from(value)}`),
      );
    expect(await named()).toEqual(['trace=a', 'trace=b', 'by=hand']);
    await said('export', run, 'headers.tar');
    await said('runs', 'delete', run, '--yes');
    await said('import', 'headers.tar');
    expect(await named()).toEqual(['trace=a', 'trace=b', 'by=hand']);
    const bare = await place.swirl([
      ...['import', 'headers.tar', '--folder', 'bare', ...setting('transport.kind=embedded')],
    ]);
    expect(bare).toMatchObject({ code: 0 });
    expect(bare.stderr).toContain('1 record has headers, which an embedded log does not hold');
  });

  test('an import that was killed is begun anew; topics of a run are not touched', async () => {
    const name = runName('killed');
    const specs = [{ name: 'in', partitions: 1 }];
    const value = Buffer.from('value');
    const entries = [0, 1, 2].map((offset) => ({
      offset,
      time: 1_700_000_000_000,
      key: `k${offset}`,
      value,
    }));
    const topics = [{ name: 'in', partitions: 1, offsets: [{ start: 0, end: 3 }] }];
    const first = await cluster.open(name);
    await (await first.restorer({ specs, topics })).put('in', 0, entries.slice(0, 2));
    await first.close();
    const second = await (await cluster.open(name)).restorer({ specs, topics });
    await second.put('in', 0, entries);
    await second.finish([]);
    const transport = await cluster.open(name);
    expect(await transport.topics()).toEqual(topics);
    expect(await arrayOf(transport.read('in'))).toMatchObject(entries);
    const third = await cluster.open(name);
    await expect(third.restorer({ specs, topics })).rejects.toThrow('already');
    expect(await transport.topics()).toEqual(topics);
  });

  const lane = fc.array(fc.record({ gap: fc.nat({ max: 4 }), headers: fc.boolean() }), { maxLength: 8 });

  test('whatever gaps there are between offsets, and wherever records begin', async () => {
    await fc.assert(
      fc.asyncProperty(lane, fc.nat({ max: 3 }), fc.nat({ max: 3 }), async (steps, start, after) => {
        let offset = start - 1;
        const entries: LogEntry[] = steps.map(({ gap, headers }, i) => {
          offset += 1 + gap;
          const beside = [{ name: 'a', value: Buffer.from(`${i}`) }];
          const value = Buffer.from(`value ${i}`);
          const entry = {
            topic: 'in',
            partition: 0,
            offset,
            time: 1_700_000_000_000 + i,
            key: `k${i}`,
            value,
          };
          return headers ? { ...entry, headers: [...beside, ...beside] } : entry;
        });
        const offsets = [{ start, end: offset + 1 + after }];
        const topics = [{ name: 'in', partitions: 1, offsets }];
        const name = runName('gaps');
        const specs = [{ name: 'in', partitions: 1 }];
        const restorer = await (await cluster.open(name)).restorer({ specs, topics });
        await restorer.put('in', 0, entries);
        await restorer.finish([[{ group: 'g', topic: 'in' }, new Map([[0, offset + 1]])]]);

        const transport: Transport = await cluster.open(name);
        expect(await transport.topics()).toEqual(topics);
        expect(plain(await arrayOf(transport.read('in')))).toEqual(plain(entries));
        expect(await transport.committed('g', 'in')).toEqual([offset + 1]);
      }),
      { numRuns: 5 },
    );
  });
});
