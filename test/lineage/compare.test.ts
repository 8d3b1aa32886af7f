/** Variants of a recorded run: only what differs is computed, and what is said of them is in the topics. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Compared } from '../../src/cli/compare-text.ts';
import { contents, recordsOf } from '../end-to-end/run-records.ts';
import { setting, type Workplace, workplace } from '../end-to-end/swirl-process.ts';

const fixture = fileURLToPath(new URL('../fixtures/recorded/before-modules.tar.gz', import.meta.url));

/** A judge that writes down whom it was asked about. */
const JUDGE = `
import { appendFileSync } from 'node:fs';
export const even = ({ id }) => {
  appendFileSync(process.env.ASKED, id + '\\n');
  return Number(id[1]) % 2 === 0 ? 'GOOD' : 'BAD';
};
`;

let place: Workplace;
let runs: string;
let moved: string[];
let variants: string[];
let found: Map<string, Compared>;
let asked: string[];
let text: string;

const strict = 'stages.filter.mode=process';

const compare = (...args: string[]) =>
  place.swirl(['compare', '--run', 'main', ...moved, ...args], { ASKED: place.path('asked') });

beforeAll(async () => {
  place = workplace();
  expect(spawnSync('tar', ['-xzf', fixture], { cwd: place.folder }).status).toBe(0);
  place.write('judge.mjs', JUDGE);
  runs = place.path('runs');
  moved = setting(`policy.checkpoint=${place.path('policy')}`);
  const even = { kind: 'module', path: place.path('judge.mjs'), export: 'even' };
  const [mode, ...value] = strict.split('=');
  place.write('variants.yaml', {
    even: { judge: even },
    'even-strict': { judge: even, [mode as string]: value.join('=') },
    half: { reward: { kind: 'constant', value: 0.5 } },
  });
  variants = [
    '--variants',
    'variants.yaml',
    '--variant',
    `strict=${strict}`,
    '--variant',
    'beta=stages.train.beta=0.5',
  ];
  const evaluation = ['--evaluate', 'questions.jsonl', '--task', 'sums', '--limit', '3', '--greedy'];
  const { code, stdout, stderr } = await compare(...variants, ...evaluation, '--json');
  expect({ code, stderr }).toMatchObject({ code: 0 });
  asked = readFileSync(place.path('asked'), 'utf8').trim().split('\n');
  found = new Map((JSON.parse(stdout) as Compared[]).map((one) => [one.name ?? 'main', one]));
  const again = await compare(...variants);
  expect(again.code).toBe(0);
  text = again.stdout;
});
afterAll(() => place.remove());

test('each reads the topic before the first stage that decides otherwise, where that is computed already', async () => {
  const reads = [...found.values()].map(({ run, reads: of }) => [run, of && `${of.run} ${of.topic}`]);
  expect(reads).toEqual([
    ['main', null],
    ['main-even', 'main sub-trajectories'],
    ['main-even-strict', 'main-even judged'],
    ['main-half', 'main accepted'],
    ['main-strict', 'main judged'],
    ['main-beta', 'main scored'],
  ]);
  // Records are there of the stages from there on only.
  const own = async (run: string) =>
    Object.entries(await contents(runs, run)).flatMap(([topic, all]) => (all.length > 0 ? [topic] : []));
  expect((await own('main-even')).sort()).toEqual(['accepted', 'judged', 'scored', 'updates']);
  for (const run of ['main-even-strict', 'main-strict'])
    expect((await own(run)).sort()).toEqual(['accepted', 'scored', 'updates']);
  expect((await own('main-half')).sort()).toEqual(['scored', 'updates']);
  expect(await own('main-beta')).toEqual(['updates']);
});

test('the judge of two variants was asked about each step once, and not when they were shown again', async () => {
  const steps = (await recordsOf(runs, 'main', 'sub-trajectories')).map(({ id }) => id);
  expect(asked.sort()).toEqual(steps.sort());
  expect(readFileSync(place.path('asked'), 'utf8').trim().split('\n').length).toBe(steps.length);
});

test('a variant is what a replay of everything gives', async () => {
  const from = ['--run', 'main', '--from', 'sub-trajectories', ...moved];
  const whole = await place.swirl(['replay', ...from, '--as', 'whole', ...setting(strict)]);
  expect(whole.code).toBe(0);
  const [one, other] = [await contents(runs, 'whole'), await contents(runs, 'main-strict')];
  expect(other.accepted).toEqual(one.accepted);
  const hash = (await recordsOf(runs, 'whole', 'updates')).at(-1)?.weightsHash;
  expect(found.get('strict')?.measures.weightsHash).toBe(hash);
});

test('a topology of its own is a variant, as it says', async () => {
  const topology = JSON.parse(readFileSync(place.path('topology.yaml'), 'utf8')) as {
    stages: { filter: object };
  };
  topology.stages.filter = { mode: 'process' };
  place.write('strict.yaml', topology);
  const { code, stdout } = await compare('--variant', 'file=strict.yaml', '--json');
  expect(code).toBe(0);
  const [, file] = JSON.parse(stdout) as Compared[];
  expect(file?.reads).toEqual(found.get('strict')?.reads);
  // The fixture's version had settings by default that are gone.
  expect(file?.changes.filter(({ is }) => is !== null)).toEqual(found.get('strict')?.changes);
  expect(file?.measures).toEqual(found.get('strict')?.measures);
});

test('counts and paired means are those of the records', async () => {
  const judged = async (run: string) =>
    new Map((await recordsOf(runs, run, 'judged')).map((one) => [one.id, one.verdict.label]));
  const rewards = async (run: string) =>
    new Map((await recordsOf(runs, run, 'scored')).map((one) => [one.id, one.reward.value]));
  const accepted = async (run: string) =>
    new Set((await recordsOf(runs, run, 'accepted')).map((one) => one.subTrajectory.trajectory));
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const [labels, others] = [await judged('main'), await judged('main-even')];
  const { measures, differences } = found.get('even') as Compared;
  const of = (label: string) => [...others.values()].filter((one) => one === label).length;
  expect(measures.verdicts).toEqual({ GOOD: of('GOOD'), BAD: of('BAD'), UNKNOWN: of('UNKNOWN') });
  const good = (all: Map<string, string>) => mean([...all.values()].map((label) => Number(label === 'GOOD')));
  expect(differences?.good?.records).toBe(labels.size);
  expect(differences?.good?.difference.mean).toBeCloseTo(good(others) - good(labels), 12);

  const [before, now] = [await rewards('main'), await rewards('main-even-strict')];
  const both = [...before].flatMap(([id, value]) => (now.has(id) ? [[value, now.get(id) as number]] : []));
  const reward = found.get('even-strict')?.differences?.reward;
  expect(reward?.records).toBe(both.length);
  expect(reward?.changed).toBe(both.filter(([a, b]) => a !== b).length);
  expect(reward?.difference.mean).toBeCloseTo(mean(both.map(([a = 0, b = 0]) => b - a)), 12);

  const passed = await accepted('main-strict');
  const trajectories = new Set([...labels.keys()].map((id) => id.slice(0, id.lastIndexOf('/'))));
  expect(found.get('strict')?.measures).toMatchObject({ accepted: passed.size, judged: trajectories.size });
  const share = (await accepted('main')).size / trajectories.size;
  expect(found.get('strict')?.differences?.accepted?.difference.mean).toBeCloseTo(
    passed.size / trajectories.size - share,
    12,
  );
  // What is read from the recorded run is no difference.
  expect(found.get('strict')?.differences?.good).toBeNull();
  expect(found.get('beta')?.differences).toEqual({ good: null, accepted: null, reward: null });
});

test('the last checkpoints answer the same held-out questions, compared with the recorded run', () => {
  for (const [name, { evaluation }] of found) {
    expect(evaluation?.all.questions).toBe(3);
    if (name === 'main') continue;
    expect(evaluation?.against).toMatchObject({ run: found.get('main')?.evaluation?.run, questions: 3 });
    expect(existsSync(place.path('runs', evaluation?.run ?? '', 'report.md'))).toBe(true);
  }
});

test('the text fits 80 columns, and what decides nothing, or is another than it was, is refused', async () => {
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(text).toMatch(/even-strict \(main-even-strict, from judged of main-even\)/);
  const refused = async (...args: string[]) => {
    const { code, stderr } = await compare(...args);
    expect(code).toBe(2);
    return stderr;
  };
  expect(await refused('--variant', 'x=runtime.drainCheckMs=7')).toContain('decides nothing otherwise');
  expect(await refused('--variant', 'strict=judge.kind=lab')).toContain(
    'replays judged of main, and is another',
  );
  expect(await refused('--variant', 'strict=stages.filter.mode=outcome')).toContain(
    'begun with other settings',
  );
  expect(await refused('--variant', 'x=7')).toContain('expected `NAME=SETTING=VALUE`');
  expect(await refused()).toContain('expected at least one --variant');
  // A replay whose parent is gone, before anything is computed.
  renameSync(place.path('runs', 'main'), place.path('gone'));
  const alone = await place.swirl([
    'compare',
    '--run',
    'main-strict',
    ...moved,
    '--variant',
    'x=reward.kind=rules',
  ]);
  renameSync(place.path('gone'), place.path('runs', 'main'));
  expect(alone).toMatchObject({ code: 2 });
  expect(alone.stderr).toMatch(
    /the run main-strict goes on from main, and .* is not there: bring that run back/,
  );
  expect(existsSync(place.path('runs', 'main-strict-x'))).toBe(false);
});
