/**
 * Runs that an earlier version recorded (test/fixtures/recorded/record.sh): their topics open, their replays
 * give the hashes that the earlier version's gave, and those that were killed go on from their checkpoints.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Topic } from '../../src/topics/records.generated.ts';
import { TOPICS } from '../../src/topology/topics.ts';
import { recordsOf } from './run-records.ts';
import { setting, type Workplace, workplace } from './swirl-process.ts';

const fixture = (extension: string) =>
  fileURLToPath(new URL(`../fixtures/recorded/before-modules.${extension}`, import.meta.url));

/** The hash of the weights after every update, as the earlier version computed it. */
const expected = JSON.parse(readFileSync(fixture('json'), 'utf8')) as Record<
  'main' | 'lora' | 'process',
  string[]
>;
const LORA = 'stages.train.parameters={kind: lora, rank: 2}';

let place: Workplace;

beforeAll(() => {
  place = workplace();
  const { status, stderr } = spawnSync('tar', ['-xzf', fixture('tar.gz')], { cwd: place.folder });
  expect({ status, stderr: `${stderr}` }).toEqual({ status: 0, stderr: '' });
});

afterAll(() => place.remove());

/** What the earlier version's `swirl tap --json` printed. */
function recorded(topic: Topic): { readonly record: object }[] {
  const lines = readFileSync(place.path('said', `${topic}.jsonl`), 'utf8').trimEnd();
  return lines.split('\n').map((line) => JSON.parse(line) as { record: object });
}

async function hashes(run: string): Promise<string[]> {
  return (await recordsOf(place.path('runs'), run, 'updates')).map(({ weightsHash }) => weightsHash);
}

/** The runs were recorded in another folder, which their topologies name. */
function replay(as: string, from: Topic, ...set: string[]) {
  const moved = setting(`policy.checkpoint=${place.path('policy')}`, ...set);
  return place.swirl(['replay', '--run', 'main', '--from', from, '--as', as, ...moved]);
}

// A later version's records may say more.
test.each(TOPICS)('%s: every record says what it said then', async (topic) => {
  const then = recorded(topic).map(({ record }) => record);
  expect(then.length).toBeGreaterThan(0);
  expect(await recordsOf(place.path('runs'), 'main', topic)).toMatchObject(then);
});

test('a tap prints the same lines, or says more in them', async () => {
  const { code, stdout } = await place.swirl(['tap', 'scored', '--json']);
  expect(code).toBe(0);
  const lines = stdout.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject(recorded('scored'));
});

// Not from questions: actions are sampled again there, and end where this version ends them.
test.each<[string, Topic, keyof typeof expected, string[]]>([
  ['from scored', 'scored', 'main', []],
  ['from sub-trajectories', 'sub-trajectories', 'main', []],
  ['from sub-trajectories, mostly judged BAD', 'sub-trajectories', 'process', ['stages.filter.mode=process']],
  ['from trajectories', 'trajectories', 'main', []],
  ['from scored, into adapters', 'scored', 'lora', [LORA]],
])('a replay %s, gives the hashes that it gave then', async (_, from, name, set) => {
  const as = `${from}-${name}`;
  expect(await replay(as, from, ...set)).toMatchObject({ code: 0 });
  expect(expected[name].length).toBeGreaterThan(0);
  expect(await hashes(as)).toEqual(expected[name]);
});

test('a run that was killed goes on, with the records and the weights of the one that was not', async () => {
  expect((await hashes('killed')).length).toBeLessThan(3);
  const ended = await place.swirl(['run', '--until-drained', '--set', 'run=killed']);
  expect(ended).toMatchObject({ code: 0 });
  expect(await hashes('killed')).toEqual(expected.main);
  for (const topic of TOPICS.filter((name) => name !== 'updates')) {
    const records = await recordsOf(place.path('runs'), 'killed', topic);
    expect(records).toMatchObject(recorded(topic).map(({ record }) => record));
  }
});

test('a killed run of adapters goes on from its checkpoint', async () => {
  expect((await hashes('killed-lora')).length).toBeLessThan(3);
  expect(await replay('killed-lora', 'scored', LORA)).toMatchObject({ code: 0 });
  expect(await hashes('killed-lora')).toEqual(expected.lora);
});

test('a run that had drained finds nothing to do', async () => {
  const ended = await place.swirl(['run', '--until-drained', '--json']);
  expect(ended).toMatchObject({ code: 0 });
  expect(await hashes('main')).toEqual(expected.main);
});
