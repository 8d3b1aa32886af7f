/**
 * Several workers on a real broker, which come, go, die and are paused: each run ends with the records of one
 * that nobody disturbed, none lost, none twice, counted by id among what is committed; and the weights are a
 * function of `scored`. `SWIRL_WORKER_KILLS=50` kills more often.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { seedFor, uniform } from '../../src/random.ts';
import { groupName } from '../../src/topics/kafka/names.ts';
import { pause } from '../patience.ts';
import { sharedBroker, withKafka } from '../topics/kafka/broker.ts';
import { adminOf } from '../topics/kafka/kafka-fixture.ts';
import { flowStages, kafkaTopology, learned, recordsOfTopic } from './kafka-flow.ts';
import { drained, Workers, type WorkersRun, whileAlive } from './kafka-workers.ts';
import { setting } from './swirl-process.ts';

const KILLS = Number(process.env.SWIRL_WORKER_KILLS ?? 3);
/** A kill comes up to so much later than what it waits for. */
const LATER_MS = 1_500;

withKafka('several workers on Kafka', () => {
  let address: string;
  let workers: Workers;
  let run: WorkersRun;

  beforeAll(async () => {
    address = await sharedBroker();
    workers = new Workers(address, { questions: Math.max(10, KILLS) });
    await workers.prepare();
  });
  beforeEach(async () => {
    run = await workers.begin();
  });
  afterEach(() => run?.close());
  afterAll(() => workers?.place.remove());

  const updatesOf = async (of: string) => recordsOfTopic(await run.kafka.open(of), 'updates');

  test('there is one, then three, then two: each ends by itself', async () => {
    const { policy } = run;
    await run.feed();
    const one = run.worker('one');
    policy.allow(8);
    await whileAlive([one], 'answers', () => policy.answered >= 8);
    const [two, three] = [run.worker('two'), run.worker('three')];
    const all = [one, two, three];
    // Both have been given partitions of `turns`.
    await whileAlive(all, 'all to ask', () => policy.asked('two') > 0 && policy.asked('three') > 0);
    const before = policy.answered;
    policy.allow(12);
    await whileAlive(all, 'more answers', () => policy.answered >= before + 12);
    one.child.kill('SIGTERM');
    policy.allow(Number.POSITIVE_INFINITY);
    expect(await one.ended).toMatchObject({ code: 130, signal: null });
    await Promise.all([drained(two), drained(three)]);
    await run.expectWhole();
  });

  test(`killed ${KILLS} times at any moment and started again, two of them do it all; fed and widened meanwhile`, async () => {
    const { policy } = run;
    // So many that a worker is never done before the next are fed.
    await run.feedUpTo(2 / 3);
    const key = seedFor(20_261_122, 'kills');
    let drawn = 0;
    const random = () => uniform(key, drawn++);
    let lives = 0;
    const begin = (slot: number) => {
      const name = `life-${lives++}`;
      // Under a name, and under none: then the group waits until the session has run out.
      const options = random() < 0.5 ? setting(`transport.worker=slot-${slot}`) : [];
      return { name, process: run.worker(name, ...options) };
    };
    const slots = [begin(0), begin(1)];
    for (let kill = 0; kill < KILLS; kill++) {
      const slot = Math.floor(random() * 2);
      const before = policy.answered;
      const more = 1 + Math.floor(random() * 5);
      policy.allow(more);
      // Not all of them in the middle of their work: some while they start.
      if (random() < 0.8) {
        await whileAlive(
          slots.map(({ process }) => process),
          'answers',
          () => policy.answered >= before + more,
        );
      }
      await pause(random() * LATER_MS);
      const victim = slots[slot] as (typeof slots)[number];
      victim.process.child.kill('SIGKILL');
      expect(await victim.process.ended).toMatchObject({ code: null, signal: 'SIGKILL' });
      policy.forget(victim.name);
      slots[slot] = begin(slot);
      if (kill === Math.floor(KILLS / 3)) await run.feedUpTo(5 / 6);
      if (kill === Math.floor(KILLS / 2)) await widen('sub-trajectories', 5);
      if (kill === Math.floor((2 * KILLS) / 3)) await run.feedUpTo(1);
    }
    policy.allow(Number.POSITIVE_INFINITY);
    await Promise.all(slots.map(({ process }) => drained(process)));
    await run.expectWhole();
  });

  /** Adds partitions to a topic, under the workers. */
  async function widen(topic: string, count: number): Promise<void> {
    const admin = await adminOf(address);
    const topicPartitions = [{ topic: `swirl.${run.name}.${topic}`, count }];
    await admin.createPartitions({ topicPartitions }).finally(() => admin.disconnect());
  }

  /** How many members a stage's group has: those that are at work, and those that wait. */
  async function members(group: string): Promise<number> {
    const admin = await adminOf(address);
    const { groups } = await admin.describeGroups([group]).finally(() => admin.disconnect());
    return groups[0]?.members.length ?? 0;
  }

  test('of two that train one waits, and takes over from one that is paused and from one that is killed', async () => {
    run.policy.allow(Number.POSITIVE_INFINITY);
    await run.feed();
    await drained(run.worker('most', '--stages', 'start,rollout,tools,decompose,judge,filter,reward'));
    const replay = (as: string, every: number) => [
      ...['replay', '--run', run.name, '--from', 'scored', '--as', as],
      ...setting('stages.train.epochs=20', `stages.train.checkpointEvery=${every}`),
    ];
    const [whole, shared] = [`${run.name}-whole`, `${run.name}-shared`];
    await workers.swirl(...replay(whole, 50));
    const expected = learned(await updatesOf(whole));
    const trainer = () => run.start(replay(shared, 1));
    const group = groupName({ run: shared, group: 'train', topic: 'scored', source: run.name });
    const topics = await run.kafka.open(shared);
    const step = async () => {
      const made = (await topics.topics()).some(({ name }) => name === 'updates');
      return made ? (await recordsOfTopic(topics, 'updates')).length : 0;
    };

    const first = trainer();
    await whileAlive([first], 'a member', async () => (await members(group)) === 1);
    const second = trainer();
    await whileAlive([first, second], 'two members', async () => (await members(group)) === 2);
    await whileAlive([first, second], 'updates', async () => (await step()) > 3);
    first.child.kill('SIGSTOP');
    const paused = await step();
    await whileAlive([second], 'updates of the second', async () => (await step()) > paused + 3);
    first.child.kill('SIGCONT');
    // It has found out that it was forgotten, and waits.
    await whileAlive([first, second], 'two members', async () => (await members(group)) === 2);
    expect(await step()).toBeLessThan(expected.length);
    second.child.kill('SIGKILL');
    await second.ended;
    await drained(first);

    expect(learned(await updatesOf(shared))).toEqual(expected);
    const [made, wanted] = [checkpoints(shared), checkpoints(whole)];
    expect(made.newest).toEqual(wanted.newest);
    expect(made.names.filter((name) => !/^step-\d+$/.test(name))).toEqual([]);
    expect(made.names).toHaveLength(wanted.names.length);
  });

  /** What lies in the folder, and the newest checkpoint's step and hashes. */
  function checkpoints(of: string) {
    const folder = workers.place.path('runs', of, 'checkpoints');
    const names = readdirSync(folder).sort();
    const newest = Math.max(...names.map((name) => Number(name.slice('step-'.length)) || 0));
    const hashes = ['model.safetensors', 'optimizer.safetensors'].map((file) =>
      createHash('sha256')
        .update(readFileSync(join(folder, `step-${newest}`, file)))
        .digest('hex'),
    );
    return { names, newest: { step: newest, hashes } };
  }

  test('a worker keeps its partitions while long texts become tokens', async () => {
    const { place } = workers;
    const policy = {
      kind: 'local',
      checkpoint: 'policy',
      contextTokens: 256,
      maxTokens: 8,
      device: 'reference',
    };
    const kafka = kafkaTopology(address);
    place.write('long.yaml', {
      ...kafka,
      run: run.name,
      // The long ones together take longer than that where they hold the event loop.
      transport: { ...kafka.transport, sessionMs: 6_000 },
      policy: { ...policy, renderTimeoutMs: 600_000 },
      learner: undefined,
      stages: { ...flowStages, start: { rollouts: 1 }, rollout: { window: 8 } },
    });
    // One word, of which the merges are many.
    const texts = [...'abcdef'].map((id) => ({ id, text: 'plus'.repeat(65_000) }));
    const lines = [...texts, { id: 'short', text: 'What?' }].map((one) => ({ ...one, task: 'sums' }));
    place.write('long.jsonl', lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    await workers.swirl('feed', 'long.jsonl', '-t', 'long.yaml');
    const stages = 'start,rollout,tools';
    const worker = run.start(['run', 'long.yaml', '--stages', stages, '--until-drained']);
    // Of the long ones each is a failure: they outgrow the context.
    expect(await worker.ended).toMatchObject({ code: 3, signal: null });
    expect(worker.said()).not.toContain('did not hear of this worker');
    const failures = await recordsOfTopic(run.transport, 'failures');
    const refused = failures.map(({ record, error }) => [record, error]).sort();
    expect(refused).toEqual(texts.map(({ id }) => [`${id}/0/0`, 'ContextError']).sort());
    expect(await recordsOfTopic(run.transport, 'trajectories')).toHaveLength(1);
  });

  test('rollouts in another process follow the training, and wait where they lag', async () => {
    const { place, questions } = workers;
    const sampled = { kind: 'local', checkpoint: 'policy', maxTokens: 8, contextTokens: 256 };
    const rollout = { window: 2, follow: { maxLag: 0, checkMs: 20 } };
    const settings = {
      run: run.name,
      policy: { ...sampled, device: 'reference' },
      learner: undefined,
      reward: { kind: 'constant', value: 1 },
      stages: { ...flowStages, rollout, train: { ...flowStages.train, checkpointEvery: 1 } },
    };
    place.write('follow.yaml', kafkaTopology(address, settings));
    place.write('first.jsonl', questions.slice(0, 3).join(''));
    place.write('then.jsonl', questions.slice(3, 6).join(''));
    const most = 'start,rollout,tools,decompose,judge,filter,reward';
    const worker = (stages: string) =>
      run.start(['run', 'follow.yaml', '--stages', stages, '--until-drained']);
    await workers.swirl('feed', 'first.jsonl', '-t', 'follow.yaml');
    await Promise.all([worker(most), worker('train')].map(drained));
    const before = (await updatesOf(run.name)).length;
    expect(before).toBe(3);

    // The volume with the checkpoints is late: who has not got the newest one waits for it.
    const folder = place.path('runs', run.name, 'checkpoints');
    renameSync(folder, `${folder}.late`);
    await workers.swirl('feed', 'then.jsonl', '-t', 'follow.yaml');
    const late = worker(most);
    const count = async (topic: 'turns' | 'trajectories') =>
      (await recordsOfTopic(run.transport, topic)).filter(({ question }) => Number(question.id.slice(1)) >= 3)
        .length;
    await whileAlive([late], 'turns', async () => (await count('turns')) === 6);
    await pause(1_000);
    expect([await count('turns'), await count('trajectories')]).toEqual([6, 0]);
    renameSync(`${folder}.late`, folder);
    await Promise.all([late, worker('train')].map(drained));

    const updates = await updatesOf(run.name);
    expect(updates.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    const hashes = new Map(updates.map(({ step, weightsHash }) => [step, weightsHash.slice(0, 12)]));
    const trajectories = await recordsOfTopic(run.transport, 'trajectories');
    expect(trajectories).toHaveLength(12);
    for (const { question, steps } of trajectories) {
      for (const { action } of steps) {
        const [, hash, step = ''] = /^local:([0-9a-f]{12})@(\d+)$/.exec(action.policy) ?? [];
        if (step !== '0') expect(hashes.get(Number(step))).toBe(hash);
        if (Number(question.id.slice(1)) >= 3) expect(Number(step)).toBeGreaterThanOrEqual(before);
      }
    }
  });
});
