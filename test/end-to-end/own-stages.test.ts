/** Stages and topics of one's own, end to end: what they do, that kills do not show, and that commands know them. */
import { cpSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { decode } from '../../src/topics/avro/codec.ts';
import type { Judged } from '../../src/topics/records.generated.ts';
import { makeAblePolicy, sumLines } from './able-policy.ts';
import { ownStagesTopology, withModules } from './own-stages.ts';
import { contents, recordsOf } from './run-records.ts';
import { survive } from './survive.ts';
import { setting, type Workplace, workplace } from './swirl-process.ts';

let home: Workplace;
let undisturbed: Record<string, string[]>;

beforeAll(async () => {
  home = workplace();
  await makeAblePolicy(home.path('policy'));
  await fed(home);
  expect(await home.swirl(['run', '--until-drained'])).toMatchObject({ code: 0, signal: null });
  undisturbed = await contents(home.path('runs'), 'main');
});

afterAll(() => home.remove());

async function fed(place: Workplace): Promise<void> {
  withModules(place);
  const lines = sumLines(8);
  place.write('questions.jsonl', lines.join(''));
  place.write('topology.yaml', ownStagesTopology('runs', 'auto'));
  expect(await place.swirl(['feed', 'questions.jsonl'])).toMatchObject({ code: 0 });
}

/** Records as `judged` holds them. */
const judgedIn = (topic: string): Judged[] =>
  (undisturbed[topic] ?? []).map((line) =>
    decode('judged', Buffer.from(line.split(' ').at(-1) ?? '', 'base64')),
  );

/** What the policy wrote in each trajectory, in the order of their last steps. */
function written(topic: string): Map<string, { question: string; text: string }> {
  const texts = new Map<string, string[]>();
  const done = new Map<string, { question: string; text: string }>();
  for (const { subTrajectory } of judgedIn(topic)) {
    const { trajectory, index, count, action, question } = subTrajectory;
    const steps = texts.get(trajectory) ?? [];
    steps[index] = action.text.toLowerCase().replaceAll(/\s+/g, '');
    texts.set(trajectory, steps);
    if (Object.keys(steps).length === count)
      done.set(trajectory, { question: question.id, text: steps.join('|') });
  }
  return done;
}

describe('the examples', () => {
  test('of a question, trajectories that say the same pass once, with their steps together', async () => {
    const [all, kept] = [written('judged'), written('distinct')];
    const expected = new Map<string, string>();
    for (const [trajectory, { question, text }] of all) {
      const key = `${question} ${text}`;
      if (!expected.has(key)) expected.set(key, trajectory);
    }
    expect([...kept.keys()]).toEqual([...expected.values()]);
    // There was something to drop, and something to keep.
    expect(kept.size).toBeGreaterThan(8);
    expect(kept.size).toBeLessThan(all.size);
    const steps = judgedIn('distinct').map(({ id }) => id);
    const inOrder = [...kept.keys()].flatMap((name) => steps.filter((id) => id.startsWith(`${name}/`)));
    expect(steps).toEqual(inOrder);
    const accepted = await recordsOf(home.path('runs'), 'main', 'accepted');
    expect(accepted.map(({ id }) => id)).toEqual(steps);
  });

  test('BAD steps are in a topic with a schema of its own, which tap prints and asks', async () => {
    const bad = judgedIn('judged').filter(({ verdict }) => verdict.label === 'BAD');
    const { stdout } = await home.swirl(['tap', 'flagged', '--json']);
    const flagged = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(flagged.map(({ key, record }) => ({ ...record, key }))).toEqual(
      bad.map(({ id, subTrajectory, verdict }) => ({
        ...{ id, key: subTrajectory.trajectory, trajectory: subTrajectory.trajectory },
        question: subTrajectory.question.text,
        ...{ step: subTrajectory.index + 1, of: subTrajectory.count },
        ...{ wrote: subTrajectory.action.text, because: verdict.rationale },
        by: expect.objectContaining({ module: 'flag-bad-steps.ts', settings: '{}' }),
      })),
    );
    expect(bad.length).toBeGreaterThan(0);
    const first = await home.swirl(['tap', 'flagged', '--where', 'step == 1']);
    expect(first.stdout.trim().split('\n').filter(Boolean)).toHaveLength(
      bad.filter(({ subTrajectory }) => subTrajectory.index === 0).length,
    );
    expect(await home.swirl(['tap', 'flagged', '--where', 'stepp == 1'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean'),
    });
    expect(await home.swirl(['tap', 'flaged'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean flagged?'),
    });
  });
});

test("killed at any moment and started again, every topic is as it was, those of one's own too", async () => {
  const place = workplace();
  try {
    cpSync(home.path('policy'), place.path('policy'), { recursive: true });
    await fed(place);
    const run = { run: 'main', seed: 17, spread: 500 };
    const { kills, last } = await survive(place, ['run', '--until-drained'], run);
    expect(last).toMatchObject({ code: 0 });
    expect(kills).toBeGreaterThan(0);
    expect(await contents(place.path('runs'), 'main')).toEqual(undisturbed);
    expect(undisturbed.distinct?.length).toBeGreaterThan(8);
    expect(undisturbed.flagged?.length).toBeGreaterThan(0);
    expect(undisturbed.first?.length).toBe(32);
  } finally {
    await place.remove();
  }
});

test("a stage of Swirl's own can be replaced by a module of the same name, and the rest does not notice", async () => {
  home.write(
    'cut.js',
    [
      "import { mergeMap } from 'rxjs';",
      'export default (trajectories$) => trajectories$.pipe(mergeMap(({ id, question, steps }) =>',
      '  steps.map(({ action }, index) => ({',
      '    id: `${id}/${index}`, trajectory: id, index, count: steps.length, question, context: steps.slice(0, index), action,',
      '  }))));',
    ].join('\n'),
  );
  const topology = ownStagesTopology('runs', 'auto');
  const decompose = { kind: 'module', path: './cut.js', reads: 'trajectories', writes: ['sub-trajectories'] };
  home.write('replaced.yaml', { ...topology, run: 'replaced', stages: { ...topology.stages, decompose } });
  const on = ['-t', 'replaced.yaml'];
  expect(await home.swirl(['feed', 'questions.jsonl', ...on])).toMatchObject({ code: 0 });
  expect(await home.swirl(['run', 'replaced.yaml', '--until-drained'])).toMatchObject({ code: 0 });
  const replaced = await contents(home.path('runs'), 'replaced');
  for (const topic of ['sub-trajectories', 'judged', 'accepted', 'scored']) {
    expect(replaced[topic]).toEqual(undisturbed[topic]);
  }
  expect(undisturbed['sub-trajectories']?.length).toBeGreaterThan(8);
  const graph = await home.swirl(['graph', 'replaced.yaml']);
  expect(graph.stdout).toContain('cut.js');
});

describe('a replay', () => {
  const weights = async (run: string) =>
    (await recordsOf(home.path('runs'), run, 'updates')).map(({ weightsHash }) => weightsHash);

  test.each(['judged', 'distinct'])('from %s gives the same records and weights', async (topic) => {
    const replay = ['replay', '--run', 'main', '--from', topic, '--as', `from-${topic}`];
    expect(await home.swirl(replay)).toMatchObject({ code: 0 });
    const again = await contents(home.path('runs'), `from-${topic}`);
    expect([again.accepted, again.scored]).toEqual([undisturbed.accepted, undisturbed.scored]);
    expect(await weights(`from-${topic}`)).toEqual(await weights('main'));
    const own = topic === 'judged' ? [undisturbed.distinct, undisturbed.flagged] : [[], []];
    expect([again.distinct, again.flagged]).toEqual(own);
  });

  test('and a tap of it need no file of the schema', async () => {
    const place = workplace();
    try {
      cpSync(home.path('runs', 'main'), place.path('runs', 'main'), { recursive: true });
      const file = 'runs/main/topology.resolved.yaml';
      const { stdout } = await place.swirl([
        'tap',
        'flagged',
        '-t',
        file,
        ...setting('folder=runs'),
        '--json',
      ]);
      expect(stdout.trim().split('\n')).toHaveLength(undisturbed.flagged?.length ?? 0);
      const { topics, stages } = parse(readFileSync(place.path(file), 'utf8'));
      expect(topics.flagged).toMatchObject({
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
        schema: { name: 'Flagged', namespace: 'example' },
      });
      expect(stages.similar).toMatchObject({ kind: 'module', hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
    } finally {
      await place.remove();
    }
  });
});

describe('commands know them', () => {
  test('schema prints theirs, whole', async () => {
    const listed = await home.swirl(['schema', '-t', 'topology.yaml', '--json']);
    const topics = JSON.parse(listed.stdout) as { topic: string; id: number; holds: string }[];
    expect(topics.slice(-3)).toMatchObject([
      { topic: 'first', holds: "a rollout waiting for the policy's next action" },
      { topic: 'distinct' },
      { topic: 'flagged', holds: 'A step that the judge found BAD, for people to look at' },
    ]);
    const schema = JSON.parse((await home.swirl(['schema', 'flagged', '-t', 'topology.yaml'])).stdout);
    expect(schema.fields.map(({ name }: { name: string }) => name)).toContain('because');
    expect(JSON.stringify(schema)).toContain('"namespace":"swirl"');
  });

  test('feed fills one, if the topology lets it, and only with its records', async () => {
    home.write('feed.yaml', {
      ...ownStagesTopology('runs', 'reference'),
      ...{ run: 'fed', stages: { decompose: {} }, fed: ['trajectories', 'flagged'] },
    });
    const record = { id: 'x', trajectory: 't', question: '?', step: 1, of: 1, wrote: 'w', because: 'b' };
    home.write('flagged.jsonl', `${JSON.stringify(record)}\n${JSON.stringify({ ...record, step: 'one' })}\n`);
    const feed = ['feed', 'flagged.jsonl', '--topic', 'flagged', '-t', 'feed.yaml'];
    const { code, stdout, stderr } = await home.swirl(feed);
    expect([code, stdout]).toEqual([3, expect.stringContaining('fed 1 flagged')]);
    expect(stderr).toContain('flagged.jsonl:2: expected a record of flagged');
    const tapped = await home.swirl(['tap', 'flagged', '-t', 'feed.yaml', '--json']);
    expect(JSON.parse(tapped.stdout)).toMatchObject({ key: 't', record: { ...record, by: null } });
  });

  test('a part of the flow can be run by name; a name that is not there is told', async () => {
    const args = ['run', '--until-drained', '--stages'];
    expect(await home.swirl([...args, 'similar,flag'])).toMatchObject({ code: 0 });
    expect(await home.swirl([...args, 'similr'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean similar?'),
    });
  });

  test('a run whose module has changed is refused, and says what can be done', async () => {
    const file = home.path('flag-bad-steps.ts');
    const before = readFileSync(file, 'utf8');
    home.write('flag-bad-steps.ts', `${before}// more\n`);
    const { code, stderr } = await home.swirl(['run', '--until-drained']);
    home.write('flag-bad-steps.ts', before);
    expect([code, stderr]).toEqual([2, expect.stringContaining('stages.flag')]);
    expect(stderr).toMatch(/is not what it was.*modules.changed=allow/s);
  });

  test('what is wrong with a module is told by lint, with the line', async () => {
    const topology = ownStagesTopology('runs');
    const { enter, flag } = topology.stages;
    home.write('wrong.yaml', {
      ...topology,
      stages: {
        ...topology.stages,
        enter: { ...enter, path: './flag-bad-steps.ts' },
        flag: { ...flag, path: './distinct-trajectories.ts', reads: 'trajectories' },
      },
    });
    const { code, stdout } = await home.swirl(['lint', 'wrong.yaml']);
    expect(code).toBe(1);
    expect(stdout).toContain(
      '`stages.flag`: it takes the records of `judged`, and `trajectories` has others',
    );
    expect(stdout).toContain('has no export `pass`; it exports default');
  });
});
