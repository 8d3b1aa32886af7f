/**
 * `swirl reset`, by the command, on both transports: what would write outputs twice is refused, unless into a
 * new run; what was left out or forgotten can be gone on from.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Admin } from 'kafkajs';
import { until } from '../patience.ts';
import { trajectory } from '../records.ts';
import { sharedBroker, withKafka } from '../topics/kafka/broker.ts';
import { adminOf, runName } from '../topics/kafka/kafka-fixture.ts';
import { type Workplace, workplace } from './swirl-process.ts';

const flow = {
  tasks: { math: { instructions: '', tools: ['calculator'] } },
  tools: { calculator: { kind: 'calculator' } },
  judge: { kind: 'rules' },
  stages: { decompose: {}, judge: {} },
  fed: ['trajectories'],
};

/** A run of three trajectories, of two steps each, through `decompose` and `judge`. */
async function prepare(place: Workplace, run: string, transport?: object): Promise<void> {
  place.write('topology.yaml', { run, ...flow, ...(transport === undefined ? {} : { transport }) });
  const lines = ['q1/0', 'q2/0', 'q3/0'].map((id) => `${JSON.stringify(trajectory(id, 1))}\n`);
  place.write('trajectories.jsonl', lines.join(''));
  await well(place, 'feed', '--topic', 'trajectories', 'trajectories.jsonl');
  await well(place, 'run', '--until-drained');
}

async function well(place: Workplace, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await place.swirl(args);
  if (code !== 0) throw new Error(`swirl ${args.join(' ')}: ${code}\n${stdout}${stderr.slice(-2000)}`);
  return stdout;
}

async function judged(place: Workplace, of: string): Promise<string[]> {
  const lines = await well(place, 'tap', 'judged', '-t', of, '--json');
  const records = lines.split('\n').filter((line) => line !== '');
  return records.map((line) => (JSON.parse(line) as { record: { id: string } }).record.id);
}

const all = ['q1/0/0', 'q1/0/1', 'q2/0/0', 'q2/0/1', 'q3/0/0', 'q3/0/1'];

describe('reset on the embedded log', () => {
  const place = workplace();
  beforeAll(() => prepare(place, 'main'));
  afterAll(() => place.remove());

  test('refuses what would write outputs twice', async () => {
    const { code, stderr } = await place.swirl(['reset', '--stage', 'judge', '--to', '3']);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/judged has the outputs of q\d.*--into NEW/)]);
  });

  test('does it again from an offset in a new run, and leaves the old one as it is', async () => {
    const said = await well(place, 'reset', '--stage', 'judge', '--to', '4', '--into', 'again');
    expect(said).toContain('judge, sub-trajectories 0: 0 -> 4');
    await well(place, 'run', 'runs/again', '--until-drained');
    expect(await judged(place, 'runs/again')).toEqual(all.slice(4));
  });

  test('leaves records out where it is told to, and says how many', async () => {
    place.write('more.jsonl', `${JSON.stringify(trajectory('q4/0', 1))}\n`);
    await well(place, 'feed', '--topic', 'trajectories', 'more.jsonl');
    expect(await well(place, 'reset', '--stage', 'decompose', '--to', 'latest')).toContain(
      'decompose, trajectories 0: 3 -> 4: 1 offset left out',
    );
    // Nothing came of it: it can be taken back.
    await well(place, 'reset', '--stage', 'decompose', '--to', '3');
    await well(place, 'run', '--until-drained');
    expect(await judged(place, 'topology.yaml')).toEqual([...all, 'q4/0/0', 'q4/0/1']);
  });

  test('knows stages and offsets from what is none', async () => {
    const why = async (...args: string[]) => {
      const { code, stderr } = await place.swirl(['reset', ...args]);
      return [code, stderr];
    };
    expect(await why('--stage', 'juge', '--to', '0')).toEqual([2, expect.stringContaining('mean judge?')]);
    expect(await why('--stage', 'judge', '--to', '99')).toEqual([2, expect.stringContaining('from 0, and')]);
  });
});

withKafka('reset on Kafka', () => {
  const run = runName('reset');
  const place = workplace();
  let admin: Admin;
  beforeAll(async () => {
    const address = await sharedBroker();
    admin = await adminOf(address);
    await prepare(place, run, { kind: 'kafka', brokers: [address], sessionMs: 30_000 });
  });
  afterAll(async () => {
    await admin.disconnect();
    await place.remove();
  });

  test('goes on after its progress was forgotten, where it had come to', async () => {
    const group = `swirl.${run}.judge.sub-trajectories`;
    await until('the workers to be forgotten', () =>
      admin.deleteGroups([group]).then(
        () => true,
        () => false,
      ),
    );
    const stopped = await place.swirl(['run', '--until-drained']);
    expect([stopped.code, stopped.stderr]).toEqual([
      1,
      expect.stringContaining(`.js reset --stage judge --to latest -t runs/${run};`),
    ]);
    const twice = await place.swirl(['reset', '--stage', 'judge', '--to', 'earliest']);
    expect([twice.code, twice.stderr]).toEqual([2, expect.stringContaining('judged has the outputs of')]);
    await well(place, 'reset', '--stage', 'judge', '--to', 'latest');
    place.write('more.jsonl', `${JSON.stringify(trajectory('q4/0', 1))}\n`);
    await well(place, 'feed', '--topic', 'trajectories', 'more.jsonl');
    await well(place, 'run', '--until-drained');
    expect(await judged(place, 'topology.yaml')).toEqual([...all, 'q4/0/0', 'q4/0/1']);
  });

  test('is refused while a worker is there', async () => {
    const worker = place.start(['run']);
    const group = `swirl.${run}.decompose.trajectories`;
    await until('the worker', async () => {
      const { groups } = await admin.describeGroups([group]);
      return (groups[0]?.members.length ?? 0) > 0;
    });
    const { code, stderr } = await place.swirl(['reset', '--stage', 'decompose', '--to', 'latest']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('stop the workers of the run first')]);
    worker.child.kill('SIGTERM');
    expect((await worker.ended).code).toBe(0);
  });
});
