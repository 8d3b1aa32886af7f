/**
 * What somebody else can do with the package: install it, type-check against it, run it, and put parts of
 * one's own in.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decode } from '../../src/topics/avro/codec.ts';
import type { RecordOf } from '../../src/topics/record-of.ts';
import type { Scored, Trajectory } from '../../src/topics/records.generated.ts';
import { sharedBroker, withKafka } from '../topics/kafka/broker.ts';
import { type KafkaFixture, kafkaFixture, runName } from '../topics/kafka/kafka-fixture.ts';
import { contents, recordsOf } from './run-records.ts';
import { type Project, strangersProject } from './stranger/project.ts';
import { survive } from './survive.ts';

let project: Project;

beforeAll(() => {
  project = strangersProject();
});

afterAll(() => project.remove());

describe('the package', () => {
  test('holds what it needs to run and to be read, and nothing else', () => {
    const root = project.path('node_modules', 'swirl-rl');
    expect(readdirSync(root).sort()).toEqual(
      [
        'LICENSE',
        'README.md',
        'assets',
        'bin',
        'dist',
        'docs',
        'package.json',
        'schemas',
        'topology.yaml',
      ].sort(),
    );
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' });
    expect(files.filter((path) => /\.(test\.|map$|tsbuildinfo$)/.test(path))).toEqual([]);
    expect(files.filter((path) => path.startsWith('dist') && /(?<!\.d)\.ts$/.test(path))).toEqual([]);
  });

  test.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])('type-checks with module %s and resolution %s, its declarations too', async (module, resolution) => {
    const tsc = project.path('node_modules', 'typescript', 'bin', 'tsc');
    const args = ['--module', module, '--moduleResolution', resolution];
    expect(await project.node(tsc, '-p', '.', ...args)).toMatchObject({ code: 0, stdout: '' });
  });

  test('has one door: anything but the package itself and its package.json cannot be imported', async () => {
    project.write('deep.mjs', "import 'swirl-rl/dist/open-run.js';\n");
    const deep = await project.node('deep.mjs');
    expect([deep.code, deep.stderr]).toEqual([1, expect.stringContaining('ERR_PACKAGE_PATH_NOT_EXPORTED')]);
    project.write('door.mjs', "import('swirl-rl').then((all) => console.log(Object.keys(all).join(' ')));\n");
    expect((await project.node('door.mjs')).stdout).toContain('loadTopology');
  });

  test('brings the command', async () => {
    const { version } = JSON.parse(
      readFileSync(project.path('node_modules', 'swirl-rl', 'package.json'), 'utf8'),
    ) as { version: string };
    expect(await project.swirl(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` });
    expect(await project.swirl(['lint', 'mine.yaml'])).toMatchObject({
      code: 0,
      stdout: 'mine.yaml: fine\n',
    });
  });
});

describe('the examples', () => {
  const said = async (file: string, ...args: string[]) => {
    const { code, stdout, stderr } = await project.script(file, ...args);
    expect([code, stderr]).toEqual([0, stderr]);
    return stdout.trim().split('\n');
  };

  test('a topology is checked', async () => {
    expect(await said('check-topology.ts')).toEqual([
      'example: start -> rollout -> tools -> decompose -> judge -> filter -> reward -> train',
    ]);
    const wrong = await project.script('check-topology.ts', 'topology.yaml', 'stages.judge.windw=3');
    expect([wrong.code, wrong.stdout]).toEqual([1, expect.stringContaining('did you mean `window`?')]);
  });

  test('a policy is sampled from, and its sample scored', async () => {
    const [device, text, score] = await said('sample-and-score.ts');
    expect(device).toMatch(/^local:[0-9a-f]{12} on /);
    expect(text).not.toBe('');
    expect(score).toMatch(/^log-probability -?\d+\.\d\d in \d+ tokens$/);
  });

  test('a run is fed, run in the process, fed from an Observable, and tapped', async () => {
    const run = await said('run-in-process.ts');
    expect(run).toContain('the flow is drained');
    const updates = run.filter((line) => line.startsWith('update '));
    expect(updates.length).toBeGreaterThan(1);
    expect(await said('feed-from-observable.ts')).toEqual(['5 questions are in the run example']);
    const scored = await recordsOf(project.path('runs'), 'example', 'scored');
    const rewards = scored.map(({ reward }) => reward.value);
    const means = rewards.map((_, i) => {
      const last = rewards.slice(Math.max(0, i - 99), i + 1);
      const mean = last.reduce((a, b) => a + b, 0) / last.length;
      return `mean reward of the last ${last.length} steps: ${mean.toFixed(3)}`;
    });
    expect(await said('tap-mean-reward.ts')).toEqual(means);
  });

  test('fresh actions are drawn, and learned from', async () => {
    const updates = await said('fresh-actions.ts');
    expect(updates.length).toBeGreaterThan(0);
    for (const line of updates) expect(line).toMatch(/^update \d+: \d+ fresh actions, mean reward \d\.\d\d$/);
    const drawn = updates.map((line) => Number(/: (\d+)/.exec(line)?.[1]));
    expect(drawn.reduce((a, b) => a + b, 0) % 4).toBe(0);
  });

  test('the flow runs without topics, and is the same every time', async () => {
    const first = await said('flow-without-topics.ts');
    expect(first.filter((line) => line.startsWith('apples-'))).toHaveLength(12);
    expect(first.filter((line) => line.startsWith('update ')).length).toBeGreaterThan(1);
    const again = await project.script('flow-without-topics.ts');
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('has checkpoints already')]);
  });
});

describe('parts of its own, and of other people', () => {
  const feed = async (run: string, ...set: string[]) => {
    const sums = [21, 34, 58, 73].map((n) => ({
      ...{ id: `q${n}`, task: 'math', text: `Ada has ${n} apples and gets 12. How many?` },
      answer: `${n + 12}`,
    }));
    const look = { id: 'who', task: 'look', text: 'Who is older, Hugo Egger or Ada Rossi?', answer: 'Ada' };
    project.write('questions.jsonl', [...sums, look].map((one) => `${JSON.stringify(one)}\n`).join(''));
    const args = ['feed', 'questions.jsonl', '-t', 'mine.yaml', '--set', `run=${run}`, ...set];
    expect(await project.swirl(args)).toMatchObject({ code: 0 });
  };
  const args = (run: string, ...set: string[]) => [
    ...['run', 'mine.yaml', '--until-drained', '--set', `run=${run}`, ...set],
  ];

  /** What a run's records say of who decided them. */
  function decided(trajectories: readonly Trajectory[], scored: readonly Scored[]): void {
    expect(scored.length).toBeGreaterThan(8);
    for (const { subTrajectory, verdict, reward } of scored) {
      const { length } = subTrajectory.action.text;
      expect(reward.value).toBe(verdict?.label === 'BAD' ? 0 : 1 - length / 200);
      expect(reward.by).toMatchObject({ module: 'own-reward.js', export: 'shortAndGood' });
    }
    const observations = trajectories.flatMap(({ steps }) => steps.flatMap((step) => step.observation ?? []));
    const of = (name: string) => observations.filter(({ tool }) => tool === name);
    expect([of('adder').length > 0, of('echo').length > 0]).toEqual([true, true]);
    for (const { by } of of('adder')) {
      expect(by).toMatchObject({ module: 'adder.ts', settings: '{"most":1000}' });
    }
    for (const { text, status } of of('echo')) if (status === 'OK') expect(text).toMatch(/^Echo: /);
    // What the stage of its own let pass is all that was scored.
    expect(new Set(scored.map(({ subTrajectory }) => subTrajectory.trajectory)).size).toBeLessThanOrEqual(
      trajectories.length,
    );
  }

  test('decide what they say they decide; killed and started again, the run ends with the same records', async () => {
    await feed('whole');
    expect(await project.swirl(args('whole'))).toMatchObject({ code: 0 });
    const runs = project.path('runs');
    decided(await recordsOf(runs, 'whole', 'trajectories'), await recordsOf(runs, 'whole', 'scored'));

    await feed('killed');
    const { kills, last } = await survive(project, args('killed'), { run: 'killed', seed: 3, spread: 280 });
    expect([last.code, kills > 1]).toEqual([0, true]);
    const [whole, killed] = await Promise.all(['whole', 'killed'].map((run) => contents(runs, run)));
    expect(apart(killed, 'killed')).toEqual(apart(whole, 'whole'));
  });

  withKafka('on Kafka too', () => {
    const run = runName('stranger');
    let kafka: KafkaFixture;
    let transport: string;
    beforeAll(async () => {
      const address = await sharedBroker();
      kafka = kafkaFixture(address);
      transport = `transport={kind: kafka, brokers: ["${address}"], sessionMs: 120000}`;
    });
    afterAll(() => kafka.cleanup());

    test('the same project runs', async () => {
      await feed(run, '--set', transport);
      expect(await project.swirl(args(run, '--set', transport))).toMatchObject({ code: 0 });
      const topics = await kafka.open(run);
      const read = async <K extends 'trajectories' | 'scored'>(topic: K) => {
        const records: RecordOf<K>[] = [];
        for await (const { value } of topics.read(topic)) records.push(decode(topic, value));
        return records;
      };
      const trajectories = await read('trajectories');
      decided(trajectories, await read('scored'));
      // The policy's words are a function of the questions and the seed, wherever the topics live.
      const embedded = await recordsOf(project.path('runs'), 'whole', 'trajectories');
      const said = (all: readonly Trajectory[]) =>
        all.map(({ id, steps }) => [id, steps.map(({ action }) => action.text)]).sort();
      expect(said(trajectories)).toEqual(said(embedded));
    });
  });
});

/** Updates bear the run's name as their key; nothing else does. */
function apart(all: Record<string, string[]> | undefined, name: string) {
  return { ...all, updates: (all?.updates ?? []).map((line) => line.replace(` ${name} `, ' ')) };
}
