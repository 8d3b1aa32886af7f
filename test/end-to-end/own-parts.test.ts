/**
 * Parts of one's own, all of them in one run: the examples of docs/ as they are, in a folder outside of the checkout, with
 * a policy behind a real HTTP server.
 */
import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type {
  Accepted,
  Failure,
  Judged,
  Origin,
  Question,
  Scored,
  Trajectory,
  Update,
} from '../../src/index.ts';
import { type FaultServer, type SeenRequest, startFaultServer } from '../models/fault-server.ts';
import { installPackages } from './built-program.ts';
import { setting, type Workplace, workplace } from './swirl-process.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
let place: Workplace;
let server: FaultServer;

/** The word that the question asks about. */
function wordOf(request: SeenRequest): string {
  const asked = request.body.messages.find(({ role }) => role === 'user')?.content ?? '';
  return /letters of (\S+)\?/.exec(asked)?.[1] ?? '';
}

/** Asks the tool, and answers what it says; of `pear` it makes up something. */
function policy(request: SeenRequest): string {
  const word = wordOf(request);
  const shown = request.body.messages.filter(({ role }) => role === 'user').at(-1)?.content ?? '';
  if (!request.body.messages.some(({ role }) => role === 'assistant')) {
    return `I count. <count_letters>${word}</count_letters>`;
  }
  if (word === 'pear') return '<answer>seven</answer>';
  return `<answer>there are ${/\d+/.exec(shown.slice(shown.lastIndexOf('->')))?.[0] ?? 'some'}</answer>`;
}

const WORDS = ['strawberry\t3', 'carrot\t2', 'pear\t1', 'plum\t0'];

function topology() {
  const module = (path: string, more: object = {}) => ({ kind: 'module', path: `./${path}`, ...more });
  return {
    run: 'main',
    seed: 3,
    policy: { kind: 'openai', baseUrl: server.url, model: 'any' },
    learner: { checkpoint: 'swirl:assets/base-policy', device: 'reference' },
    judge: module('own-judge.ts'),
    matcher: module('own-matcher.ts'),
    reward: module('reward.js', { export: 'shortAndGood' }),
    tasks: { letters: { tools: ['letters'], instructions: 'Count.', maxSteps: 3 } },
    tools: { letters: module('own-tool.ts', { tag: 'count_letters', settings: { letter: 'r' } }) },
    readers: { words: module('own-reader.ts') },
    stages: {
      ...Object.fromEntries(
        ['start', 'rollout', 'tools', 'decompose', 'judge', 'reward'].map((name) => [name, {}]),
      ),
      start: { rollouts: 1 },
      filter: { mode: 'outcome', retry: { attempts: 1 } },
      train: {
        advantage: module('own-advantage.ts'),
        beta: 0.1,
        maxRowTokens: 400,
        batch: { trajectories: 3 },
      },
    },
  };
}

/** The examples name the package as any user's project does: here it is what is built of the checkout. */
beforeAll(async () => {
  server = await startFaultServer(policy);
  place = workplace();
  installPackages(place.folder, 'zod');
  place.write('package.json', { type: 'module' });
  const examples = join(root, 'docs', 'examples');
  for (const file of readdirSync(examples).filter((name) => name.startsWith('own-'))) {
    cpSync(join(examples, file), place.path(file));
  }
  // One that prints where it may, and imports another: what it prints must be in nobody's way.
  place.write('reward.js', "export * from './own-reward.js';\nconsole.log('imported');\n");
  place.write('topology.yaml', topology());
  place.write(
    'words.tsv',
    WORDS.map((line) => `How many r are in the letters of ${line.replace('\t', '?\t')}`).join('\n'),
  );
});

afterAll(async () => {
  await place?.remove();
  await server?.close();
});

async function swirl(...args: string[]) {
  const { code, stdout, stderr } = await place.swirl(args);
  return { code, stdout, stderr };
}

/** The arguments that replay what was accepted as another run, without training. */
const replayAs = (name: string) =>
  ['replay', '--run', 'main', '--from', 'accepted', '--as', name].concat(setting('stages.train=false'));

async function records<T>(topic: string, run = 'main'): Promise<T[]> {
  const { stdout } = await swirl('tap', topic, '--run', run, '--json');
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => (JSON.parse(line) as { record: T }).record);
}

const by = (module: string, name = 'default', settings = '{}'): Origin => ({
  module,
  export: name,
  hash: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown as string,
  settings,
});

test('lint loads every module, and prints nothing but its JSON', async () => {
  const { code, stdout, stderr } = await swirl('lint', '--json');
  expect(JSON.parse(stdout)).toMatchObject({ ok: true });
  expect(stderr).toContain('imported');
  expect(code).toBe(0);
});

test('a run of them: every record says who decided it', async () => {
  const fed = await swirl('feed', 'words.tsv', '--dataset', 'words', '--task', 'letters', '--json');
  expect(JSON.parse(fed.stdout)).toEqual({ run: 'main', fed: { questions: 4 }, held: 0, malformed: 0 });
  const { code, stdout, stderr } = await swirl('run', '--until-drained', '--json');
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(JSON.parse(stdout)).toMatchObject({ end: 'drained', failures: 0 });

  const questions = await records<Question>('questions');
  expect(questions.map(({ answer }) => answer)).toEqual(['3', '2', '1', '0']);
  expect(questions[0]?.by).toEqual(by('own-reader.ts'));
  const trajectories = await records<Trajectory>('trajectories');
  const observed = trajectories.map(({ steps }) => steps[0]?.observation?.text);
  expect([...observed].sort()).toEqual(['0', '1', '2', '3']);
  expect(trajectories[0]?.steps[0]?.observation?.by).toEqual(by('own-tool.ts', 'default', '{"letter":"r"}'));
  const judged = await records<Judged>('judged');
  // The answers say more than the last result does.
  expect(judged.map(({ verdict }) => verdict.label).sort()).toEqual([
    ...Array(4).fill('BAD'),
    ...Array(4).fill('GOOD'),
  ]);
  expect(judged.every(({ verdict }) => verdict.by?.module === 'own-judge.ts')).toBe(true);
  // The answer to `pear` is wrong: its two steps are left out.
  const accepted = await records<Accepted>('accepted');
  expect(accepted).toHaveLength(6);
  expect(accepted[0]).toMatchObject({ correct: true, by: by('own-matcher.ts') });
  const scored = await records<Scored>('scored');
  expect(scored.every(({ reward }) => reward.model === 'reward.js')).toBe(true);
  expect(scored[0]?.reward.by).toEqual(by('reward.js', 'shortAndGood'));
  const updates = await records<Update>('updates');
  expect(updates).toHaveLength(1);
  expect(updates[0]?.by).toEqual(by('own-advantage.ts'));
});

test('evaluation asks the same matcher', async () => {
  const args = ['words.tsv', '--reader', './own-reader.ts', '--task', 'letters', '--json'];
  const { code, stdout, stderr } = await swirl('evaluate', ...args);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(JSON.parse(stdout)).toMatchObject({ all: { accuracy: { mean: 0.75, count: 4 } } });
});

test('a module that changed is refused by its run, unless told; a replay says so', async () => {
  place.write('own-reward.js', 'export const shortAndGood = () => 0.5;\n');
  const refused = await swirl('run', '--until-drained');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/reward: .*reward\.js is not what it was: expected content .*, found/);
  expect(refused.stderr).toContain('modules.changed=allow');
  const allowed = await swirl('run', '--until-drained', ...setting('modules.changed=allow'));
  expect(allowed.code).toBe(0);
  expect(allowed.stderr).toContain('it goes on with what is there now');

  // The resolved topology is of the new module now: a replay finds the one that the records were decided by.
  place.write('own-reward.js', 'export const shortAndGood = () => 0.25;\n');
  const replayed = await swirl(...replayAs('again'));
  expect(replayed.code).toBe(0);
  expect(replayed.stderr).toMatch(/warning: `reward`: .*reward\.js is not what it was/);
  const scored = await records<Scored>('scored', 'again');
  expect(scored.map(({ reward }) => reward.value)).toEqual(Array(6).fill(0.25));
});

test('one that fails makes failures that name module, export, record and cause; nothing is lost', async () => {
  place.write(
    'own-reward.js',
    `export const shortAndGood = ({ subTrajectory: { index } }) => {
      if (index === 0) throw new TypeError('no such thing');
      return NaN;
    };\n`,
  );
  const { code, stdout } = await swirl(...replayAs('broken'), '--json');
  // Nothing was taught: no step has a reward.
  expect(code).toBe(4);
  expect(JSON.parse(stdout)).toMatchObject({ failures: 6 });
  const failures = await records<Failure>('failures', 'broken');
  expect(failures.map(({ message }) => message).sort()).toEqual([
    ...Array(3).fill(
      expect.stringMatching(
        /^reward \(reward\.js, export `shortAndGood`\) failed for .*\/0: TypeError: no such thing/,
      ),
    ),
    ...Array(3).fill(
      expect.stringMatching(
        /^reward \(reward\.js, export `shortAndGood`\) gave .*\/1 no reward: .* found NaN/,
      ),
    ),
  ]);
});
