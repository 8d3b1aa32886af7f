/**
 * The whole flow over plain Observables: the same records as a run's topics hold, and the same weights from
 * them.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { from, lastValueFrom, type Observable, tap, toArray } from 'rxjs';
import {
  decompose,
  type Failure,
  filter,
  judge,
  loadTopology,
  ModelError,
  openPolicy,
  openRun,
  paced,
  type Question,
  type Run,
  resample,
  reward,
  rollout,
  type Scored,
  type Topic,
  type TopicRecords,
  type Trajectory,
  train,
  type Update,
} from '../../../src/index.ts';
import { makeAblePolicy, sums } from '../../end-to-end/able-policy.ts';
import { sumsTopology } from '../../end-to-end/sums-topology.ts';

let folder: string;
let run: Run;
const settings = sumsTopology('runs', 'reference');
const { tasks, tools } = settings as Pick<typeof settings, 'tasks'> & {
  tools: { calculator: { kind: 'calculator' } };
};
const questions = sums(5);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-chain-'));
  await makeAblePolicy(join(folder, 'policy'));
  run = await openRun(
    await loadTopology(settings as Parameters<typeof loadTopology>[0], { folder, notify: () => {} }),
  );
  await run.feed('questions', questions);
  const flow = await run.start({ untilDrained: true });
  expect(await flow.end).toBe('drained');
});

afterAll(async () => {
  await run.close();
  rmSync(folder, { recursive: true, force: true });
});

const policy = () => ({
  ...settings.policy,
  kind: 'local' as const,
  device: 'reference' as const,
  checkpoint: join(folder, 'policy'),
});

const trajectoriesOf = (source: Observable<Question>) =>
  source.pipe(rollout({ policy: policy(), tasks, tools, seed: 7, rollouts: 2 }));

const scoredOf = (source: Observable<Question>) =>
  trajectoriesOf(source).pipe(
    decompose(),
    judge({ kind: 'rules' }, { tools }),
    filter({ mode: 'none' }),
    reward({ kind: 'constant', value: 1 }),
  );

function trained(
  source: Observable<Scored>,
  name: string,
  over: Partial<Parameters<typeof train>[0]> = {},
): Promise<Update[]> {
  const { batch, schedule, maxRowTokens, checkpointEvery } = settings.stages.train;
  const operator = train({
    policy: { checkpoint: join(folder, 'policy'), contextTokens: 256, device: 'reference' },
    checkpoints: join(folder, name),
    ...{ tasks, tools, batch, maxRowTokens, checkpointEvery },
    schedule: { ...schedule, kind: 'constant' },
    ...over,
  });
  return lastValueFrom(source.pipe(operator, toArray()));
}

async function topic<K extends Topic>(name: K, of = run): Promise<TopicRecords[K][]> {
  const records: TopicRecords[K][] = [];
  for await (const record of of.read(name)) records.push(record as TopicRecords[K]);
  return records;
}

const byId = <T extends { readonly id: string }>(records: readonly T[]) =>
  [...records].sort((a, b) => (a.id < b.id ? -1 : 1));
const collect = <T>(source: Observable<T>) => lastValueFrom(source.pipe(toArray()));
const learned = (updates: readonly Update[]) => updates.map(({ step, weightsHash }) => [step, weightsHash]);

describe('without topics', () => {
  test('the records are those of a run with the same seed, in the order of the questions', async () => {
    const found = await collect(trajectoriesOf(paced(questions)));
    expect(found.map(({ id }) => id)).toEqual(questions.flatMap(({ id }) => [`${id}/0`, `${id}/1`]));
    expect(byId(found)).toEqual(byId(await topic('trajectories')));
    const scored = await collect(scoredOf(from(questions)));
    expect(byId(scored)).toEqual(byId(await topic('scored')));
  });

  test('fresh actions are those of a run that draws them, and are learned from in their groups', async () => {
    const topology = {
      ...{ ...settings, run: 'fresh', reward: { kind: 'judge', unknown: 0.5 }, fed: ['accepted'] },
      stages: { resample: { actions: 3 }, reward: {} },
    };
    const accepted = await topic('accepted');
    const fresh = await openRun(
      await loadTopology(topology as Parameters<typeof loadTopology>[0], { folder, notify: () => {} }),
    );
    await fresh.feed('accepted', accepted);
    await (await fresh.start({ untilDrained: true })).end;
    const scored = await collect(
      paced(accepted).pipe(
        resample({ policy: policy(), tasks, tools, seed: 7, actions: 3 }),
        reward({ kind: 'judge', unknown: 0.5 }, { tools }),
      ),
    );
    expect(scored.map(({ id }) => id)).toEqual(
      accepted.flatMap(({ id }) => [`${id}~0`, `${id}~1`, `${id}~2`]),
    );
    expect(scored).toEqual(await topic('scored', fresh));
    await fresh.close();
    const updates = await trained(from(scored), 'fresh-weights', { advantage: 'leave-one-out', beta: 0.1 });
    expect(updates.reduce((sum, { subTrajectories }) => sum + subTrajectories, 0)).toBe(scored.length);
    expect(() => resample({ policy: policy(), tasks, actions: 0 })).toThrow('stages.resample.actions');
  });

  test('the same weights come of it every time, and those of a run that is fed the same records', async () => {
    const scored: Scored[] = [];
    const first = await trained(scoredOf(paced(questions)).pipe(tap((each) => scored.push(each))), 'first');
    const second = await trained(scoredOf(paced(questions)), 'second');
    expect(first.length).toBeGreaterThan(2);
    expect(second).toEqual(first);
    const last = first.at(-1)?.step;
    expect(readdirSync(join(folder, 'first')).filter((name) => name.startsWith('step-'))).toContain(
      `step-${last}`,
    );

    const { train } = settings.stages;
    const topology = { ...settings, run: 'fed', fed: ['scored'], stages: { train } };
    const fed = await openRun(
      await loadTopology(topology as Parameters<typeof loadTopology>[0], { folder, notify: () => {} }),
    );
    await fed.feed('scored', scored);
    await (await fed.start({ untilDrained: true })).end;
    expect(learned(await topic('updates', fed))).toEqual(learned(first));
    await fed.close();
  });

  test('several epochs read the records again, as a run does from its topic', async () => {
    const scored = await topic('scored');
    const once = await trained(from(scored), 'once');
    const twice = await trained(from(scored), 'twice', { epochs: 2 });
    expect(learned(twice).slice(0, once.length)).toEqual(learned(once));
    expect(twice.map(({ epoch }) => epoch)).toEqual([...once.map(() => 0), ...once.map(() => 1)]);
    await expect(trained(from(scored), 'few', { epochs: 2, keep: 3 })).rejects.toThrow('more than 3 records');
  });

  test('what is learned can be sampled from, and is not trained over', async () => {
    const scored = await topic('scored');
    const updates = await trained(from(scored), 'sampled');
    const last = join(folder, 'sampled', `step-${updates.at(-1)?.step}`);
    await using learner = await openPolicy(last, { device: 'reference', maxTokens: 4 });
    expect(learner.name).toBe(`local:${updates.at(-1)?.weightsHash.slice(0, 12)}`);
    expect((await learner.sample('What is 2 plus 3?')).tokens?.length).toBeGreaterThan(0);
    await expect(trained(from(scored), 'sampled')).rejects.toThrow('has checkpoints already');
  });
});

describe('parts of the program itself', () => {
  test('a policy, a judge and a reward model that it made; it closes them itself', async () => {
    await using policy = await openPolicy(join(folder, 'policy'), {
      ...{ device: 'reference', maxTokens: 12, contextTokens: 256, seed: 7 },
    });
    const found = await collect(paced(questions).pipe(rollout({ policy, tasks, tools, rollouts: 2 })));
    expect(byId(found)).toEqual(byId(await topic('trajectories')));
    const scored = await collect(
      from(found).pipe(
        decompose(),
        judge({
          name: 'long enough',
          judge: async ({ action }) => {
            const label = action.text.length > 12 ? 'GOOD' : 'BAD';
            return { label, rationale: '', judge: 'long enough', votes: [] };
          },
        }),
        filter({ mode: 'none' }),
        reward({
          name: 'length',
          score: async ({ subTrajectory, verdict }) => {
            const value = verdict.label === 'GOOD' ? subTrajectory.action.text.length : 0;
            return { value, rationale: '', model: 'length', votes: [] };
          },
        }),
      ),
    );
    const lengths = found.flatMap(({ steps }) => steps.map(({ action }) => action.text.length));
    expect(scored.map(({ reward }) => reward.value)).toEqual(lengths.map((n) => (n > 12 ? n : 0)));
    // It is open still.
    expect((await policy.sample('What is 1 plus 1?')).text).toEqual(expect.any(String));
  });

  test('a rollout whose policy fails is a failure of its step; the others go on', async () => {
    const failures: Failure[] = [];
    let calls = 0;
    const failing = {
      name: 'scripted',
      complete: async ({ id }: { readonly id: string }) => {
        calls++;
        if (id === 'q1/0/1') throw new ModelError('no answer');
        const text = id.endsWith('/0') ? '<math_exp>1+1</math_exp>' : '<answer>2</answer>';
        return { text, tokens: null, logprobs: null };
      },
      close: async () => {},
    };
    const options = { policy: failing, tasks, tools, rollouts: 1 };
    const found: Trajectory[] = await collect(
      paced(questions).pipe(rollout({ ...options, onFailure: (failure) => failures.push(failure) })),
    );
    expect(found.map(({ id, end, answer }) => [id, end, answer])).toEqual(
      ['q0', 'q2', 'q3', 'q4'].map((id) => [`${id}/0`, 'ANSWERED', '2']),
    );
    expect(failures).toMatchObject([{ stage: 'rollout', record: 'q1/0/1', message: 'no answer' }]);
    expect(calls).toBe(10);
    await expect(collect(paced(questions).pipe(rollout(options)))).rejects.toThrow('rollout, record q1/0/1');
  });

  test('settings that are wrong are told at once, by name', () => {
    expect(() => judge({ kind: 'rule' as 'rules' })).toThrow('did you mean `rules`?');
    expect(() => filter({ mode: 'good' as 'none' })).toThrow('stages.filter.mode');
    expect(() => decompose({ window: 0 })).toThrow('stages.decompose.window');
  });
});
