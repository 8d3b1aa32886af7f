/**
 * Nothing changes unseen: bits flipped and files cut anywhere in a run's folder, settings that are not those
 * of the run, and checkpoints that are gone back to. `bench/damage.ts` does the same in thousands of places.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { makeAblePolicy, sumLines } from './able-policy.ts';
import { recordsOf } from './run-records.ts';
import { sumsTopology } from './sums-topology.ts';
import { setting, type Workplace, workplace } from './swirl-process.ts';

const FLIPS = 45;
const CUTS = 15;

let place: Workplace;

beforeAll(async () => {
  place = workplace();
  await makeAblePolicy(place.path('policy'));
  place.write('questions.jsonl', sumLines(6).join(''));
  place.write('topology.yaml', sumsTopology('runs'));
  expect(await place.swirl(['feed', 'questions.jsonl'])).toMatchObject({ code: 0 });
  expect(await place.swirl(['run', '--until-drained'])).toMatchObject({ code: 0 });
});

afterAll(() => place.remove());

const updates = (run: string) => recordsOf(place.path('runs'), run, 'updates');

/** A copy of the run's folder in a folder of runs of its own. */
function copied(name: string): (...parts: string[]) => string {
  cpSync(place.path('runs', 'main'), place.path(name, 'main'), { recursive: true });
  return (...parts) => place.path(name, 'main', ...parts);
}

/** Flips a bit of the first byte after some text. */
function flipAfter(file: string, text: string): void {
  const bytes = readFileSync(file);
  const at = bytes.lastIndexOf(text) + text.length - 1;
  bytes[at] ^= 1;
  writeFileSync(file, bytes);
}

test('wherever a bit is flipped or a file cut, it is refused, or gives what it gave', () => {
  copied('damaged');
  const script = fileURLToPath(new URL('../../bench/damage.ts', import.meta.url));
  const args = [script, place.path('damaged'), 'main', FLIPS, CUTS].map(String);
  const cwd = fileURLToPath(new URL('../../', import.meta.url));
  const env = { ...process.env, NODE_OPTIONS: '' };
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', ...args], {
    ...{ cwd, env, encoding: 'utf8' },
  });
  expect({ status, stdout, stderr }).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('"changed":0'),
  });
  expect(Number(/"refused":(\d+)/.exec(stdout)?.[1])).toBeGreaterThan((FLIPS + CUTS) / 2);
});

test('verify says that all is whole, or which topic, partition and offset is not', async () => {
  const whole = await place.swirl(['verify', 'main']);
  expect(whole).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('the run main is what was written'),
  });
  expect(whole.stdout).not.toMatch(/damaged|unchecked/);
  const path = copied('flipped');
  flipAfter(path('log', 'data.mdb'), 'calculator');
  flipAfter(path('checkpoints', 'step-4', 'config.json'), 'model_type');
  const found = await place.swirl(['verify', 'flipped/main']);
  expect(found.code).toBe(1);
  expect(found.stdout).toMatch(/damaged +topic .*, partition 0, offset \d+: its bytes are not those/);
  expect(found.stdout).toMatch(/damaged +.*step-4: .*config\.json: its bytes are not those/);
  expect(found.stdout).toContain('is damaged in 2 parts');
  rmSync(copied('lost')('checkpoints'), { recursive: true });
  const lost = await place.swirl(['verify', 'lost/main']);
  expect(lost.code).toBe(1);
  expect(lost.stdout).toMatch(/damaged +checkpoints: there is none, and \d+ updates were made/);
});

test('a run goes on by its own settings: others are refused and named, also by a feed', async () => {
  place.write('other.yaml', { ...sumsTopology('runs'), reward: { kind: 'constant', value: 2 } });
  const before = readFileSync(place.path('runs', 'main', 'topology.resolved.yaml'), 'utf8');
  const fed = await place.swirl(['feed', 'questions.jsonl', '-t', 'other.yaml']);
  expect(fed.code).toBe(2);
  expect(fed.stderr).toContain('reward.value: 1 in the run, 2 given (reward has records by it)');
  expect(readFileSync(place.path('runs', 'main', 'topology.resolved.yaml'), 'utf8')).toBe(before);
  // What changes no record may change.
  const again = await place.swirl(['run', '--until-drained', ...setting('stages.train.keepCheckpoints=9')]);
  expect(again).toMatchObject({ code: 0, stderr: expect.not.stringContaining('in the run') });
});

test('training goes on from an earlier checkpoint, to the same weights; the later ones are put aside', async () => {
  const path = copied('back');
  const at = setting('folder=back');
  const told = (await updates('main')).map(({ weightsHash }) => weightsHash);
  const steps = readdirSync(path('checkpoints')).map((name) => Number(name.slice('step-'.length)));
  const [last, before] = steps.sort((a, b) => b - a) as [number, number];
  flipAfter(path('checkpoints', `step-${last}`, 'train.json'), '"firstWeightsHash": "a');
  const refused = await place.swirl(['run', '--until-drained', ...at]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain(`--from-update ${before}`);
  const args = ['run', '--until-drained', '--from-update', `${before}`, ...at];
  expect(await place.swirl(args)).toMatchObject({ code: 0, stderr: expect.stringContaining('put aside') });
  expect(readdirSync(path('checkpoints'))).toContain(`set-aside-${last}`);
  const hashes = (await recordsOf(place.path('back'), 'main', 'updates')).map(
    ({ weightsHash }) => weightsHash,
  );
  expect(hashes).toEqual(told);
  const weights = JSON.parse(readFileSync(path('checkpoints', `step-${last}`, 'train.json'), 'utf8'));
  expect(weights.weightsHash).toBe(told.at(-1));
});
