/**
 * Whatever a user or a model gets wrong: a message that says what and where, the exit code that is
 * documented, and nothing lost.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, truncateSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { embeddedConfig } from '../../src/topics/embedded/embedded-config.ts';
import { openEmbeddedLog } from '../../src/topics/embedded/embedded-log.ts';
import { type FaultServer, startFaultServer } from '../models/fault-server.ts';
import { sumLines } from './able-policy.ts';
import { contents, recordsOf } from './run-records.ts';
import { questionOf } from './scripted-policy.ts';
import { sumsTopology } from './sums-topology.ts';
import { binary, type Ended, setting, type Workplace, workplace } from './swirl-process.ts';

const EXIT = { done: 0, failed: 1, usage: 2, failures: 3 };

let place: Workplace;

beforeAll(async () => {
  place = workplace();
  place.write('questions.jsonl', sumLines(4).join(''));
  const shape = ['--vocabulary', '300', '--hidden', '16', '--layers', '1', '--positions', '256'];
  expect(await place.swirl(['new-policy', 'policy', '--texts', 'questions.jsonl', ...shape])).toMatchObject({
    code: 0,
  });
  place.write('topology.yaml', sumsTopology('runs'));
});

afterAll(() => place.remove());

/** A run of its own, with questions in it. */
async function fed(run: string): Promise<void> {
  expect(await place.swirl(['feed', 'questions.jsonl', '--run', run])).toMatchObject({ code: EXIT.done });
}

const drain = (run: string, ...set: string[]) =>
  place.swirl(['run', '--until-drained', ...setting(`run=${run}`, ...set)]);

/** The command failed with one message, which is no stack trace. */
function told(ended: Ended, code: number, ...messages: (string | RegExp)[]): void {
  expect({ code: ended.code, stderr: ended.stderr }).toMatchObject({
    code,
    stderr: expect.stringMatching(/./),
  });
  for (const message of messages) expect(ended.stderr).toMatch(message);
  expect(ended.stderr).not.toMatch(/\n {4}at .*\.[tj]s:\d/);
}

/** What a shell's command line prints; `$SWIRL` is the binary. */
async function shell(line: string): Promise<string> {
  const env = { ...process.env, NODE_OPTIONS: '', SWIRL: `${process.execPath} ${binary}` };
  const { stdout } = await promisify(execFile)('sh', ['-c', line], {
    cwd: place.folder,
    env,
    maxBuffer: 2 ** 26,
  });
  return stdout;
}

describe('the command line', () => {
  test.each<[string[], RegExp]>([
    [['frobnicate'], /unknown command 'frobnicate'/],
    [['run', '--until-draned'], /unknown option '--until-draned'.*--until-drained/s],
    [['run', 'nowhere.yaml'], /nowhere\.yaml: there is no such file/],
    [['run', '--stages', 'judge,juge'], /no stage "juge"; did you mean judge/],
    [['run', '--set', 'seed=abc'], /`seed`: expected a finite number, found "abc"/],
    [['feed'], /missing required argument 'file'/],
    [['feed', 'questions.jsonl', '--limit', 'ten'], /--limit.*'ten'.*whole number/],
    [['feed', 'questions.jsonl', '--dataset', 'gsm9k'], /expected one of questions, json-lines, gsm8k, /],
    [['tap', 'verdicts'], /verdicts: no such topic; there are accepted, /],
    [['tap', 'judged', '--from', 'yesterday'], /--from yesterday: expected start, end, /],
    [['tap', 'judged', '--where', 'verdict.label ='], /--where .* column/],
    [['replay', '--run', 'nobody', '--from', 'scored'], /there is no run nobody in runs/],
    [['score', '--policy', 'nowhere', '--texts', 'questions.jsonl'], /nowhere: expected a policy's folder/],
  ])('swirl %j', async (args, message) => {
    told(await place.swirl(args), EXIT.usage, message);
  });

  test('a tap of a run that does not exist names those that do, and makes none', async () => {
    await fed('there');
    told(
      await place.swirl(['tap', 'judged', '--run', 'ghost']),
      EXIT.usage,
      /the run ghost has not begun.*Runs that are there: .*there/s,
    );
    expect(existsSync(place.path('runs', 'ghost'))).toBe(false);
  });
});

describe('files', () => {
  test('a malformed topology: every problem with its line', async () => {
    place.write('bad.yaml', 'run: main\nsede: 3\npolicy: { kind: loca }\nstages:\n  rollout: { windw: 3 }\n');
    const ended = await place.swirl(['run', 'bad.yaml']);
    told(
      ended,
      EXIT.usage,
      'bad.yaml:2:1',
      'did you mean `seed`',
      'bad.yaml:3:17',
      'bad.yaml:5:14',
      '`window`',
    );
    place.write('worse.yaml', 'policy: { kind: local\nstages: [\n');
    told(await place.swirl(['run', 'worse.yaml']), EXIT.usage, /worse\.yaml:\d+:\d+: error: not valid YAML/);
  });

  test('bad lines among the questions are left out and named; with --strict the first one ends it', async () => {
    const good = (id: string) => `{"id": "${id}", "text": "What is 1 plus 2?", "task": "sums"}`;
    const lines = [good('a'), 'not json', '{"id": "b"}', '[1]', good('a/b'), good('c'), '{"id": "d", "te'];
    place.write('lines.jsonl', lines.join('\n'));
    const ended = await place.swirl(['feed', 'lines.jsonl', '--run', 'lines', '--json']);
    told(ended, EXIT.failures, ...[2, 3, 4, 5].map((line) => `lines.jsonl:${line}: `));
    told(ended, EXIT.failures, 'left out for the same reason: lines.jsonl:7\n');
    expect(JSON.parse(ended.stdout)).toMatchObject({ fed: { questions: 2 }, malformed: 5 });
    const questions = await recordsOf(place.path('runs'), 'lines', 'questions');
    expect(questions.map(({ id }) => id)).toEqual(['a', 'c']);
    told(
      await place.swirl(['feed', 'lines.jsonl', '--run', 'strict', '--strict']),
      EXIT.failed,
      'lines.jsonl:2: ',
    );
    told(await place.swirl(['feed', 'nowhere.jsonl', '--run', 'lines']), EXIT.failed, 'nowhere.jsonl');
  });

  test('a question that is larger than a record may be is left out and named', async () => {
    const texts = ['short', 'x'.repeat(5000), 'short too'];
    const lines = texts.map((text, i) => JSON.stringify({ id: `q${i}`, task: 'sums', text, answer: '1' }));
    place.write('large.jsonl', lines.join('\n'));
    const args = ['feed', 'large.jsonl', '--run', 'large', ...setting('transport.maxRecordBytes=4096')];
    told(
      await place.swirl(args),
      EXIT.failures,
      'left out: topic questions, record "q1" of large.jsonl:2: expected a record of',
    );
    const questions = await recordsOf(place.path('runs'), 'large', 'questions');
    expect(questions.map(({ id }) => id)).toEqual(['q0', 'q2']);
    told(await place.swirl([...args, '--strict']), EXIT.failed, 'record "q1"');
  });
});

describe('topics', () => {
  test('bytes that are no record become failures with these bytes; the others are processed', async () => {
    await fed('garbage');
    const log = await openEmbeddedLog({
      folder: place.path('runs'),
      run: 'garbage',
      config: embeddedConfig.parse({}),
    });
    const garbage = [[], [0, 0, 0], [255, 1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 2, 3, 4, 128, 128, 128, 128]];
    for (const topic of ['questions', 'sub-trajectories', 'scored'])
      await log.append(garbage.map((bytes) => ({ topic, key: 'garbage', value: Uint8Array.from(bytes) })));
    await log.close();
    expect(await drain('garbage')).toMatchObject({ code: EXIT.failures });
    const failures = await recordsOf(place.path('runs'), 'garbage', 'failures');
    for (const stage of ['start', 'judge', 'train']) {
      const of = failures.filter((failure) => failure.stage === stage);
      expect(of.map(({ bytes }) => [...(bytes ?? [])]).sort()).toEqual([...garbage].sort());
      for (const { error, message, record } of of) {
        expect({ error, record }).toEqual({ error: 'DataError', record: null });
        expect(message).toMatch(/\w/);
      }
    }
    expect(failures).toHaveLength(3 * garbage.length);
    const scored = (await contents(place.path('runs'), 'garbage')).scored ?? [];
    const updates = await recordsOf(place.path('runs'), 'garbage', 'updates');
    expect(updates.reduce((sum, update) => sum + update.subTrajectories, 0)).toBe(
      scored.length - garbage.length,
    );
    const tapped = await place.swirl(['tap', 'questions', '--run', 'garbage']);
    expect(tapped.stdout.match(/cannot be decoded/g)).toHaveLength(garbage.length);
  });

  test('a full log stops the run, which goes on when there is room', async () => {
    const many = Array.from({ length: 1500 }, (_, i) => ({
      id: `m${i}`,
      text: `${i} ${'x'.repeat(600)}`,
      task: 'sums',
    }));
    place.write('many.jsonl', many.map((question) => `${JSON.stringify(question)}\n`).join(''));
    expect(await place.swirl(['feed', 'many.jsonl', '--run', 'full'])).toMatchObject({ code: 0 });
    const args = ['run', '--stages', 'start', '--until-drained', '--set', 'run=full'];
    told(
      await place.swirl([...args, ...setting('transport.maxLogBytes=1800000')]),
      EXIT.failed,
      /full.*Nothing was lost.*maxLogBytes/s,
    );
    expect(await place.swirl(args)).toMatchObject({ code: EXIT.done });
    const turns = await recordsOf(place.path('runs'), 'full', 'turns');
    expect(turns.map(({ id }) => id)).toEqual(many.flatMap(({ id }) => [`${id}/0/0`, `${id}/1/0`]));
    // A reader that takes its time gets all of them.
    const slow = await shell('$SWIRL tap turns --run full --json | (sleep 2; cat)');
    expect(slow.trim().split('\n')).toHaveLength(turns.length);
    const full = await shell('$SWIRL tap turns --run full 2>&1 >/dev/full; echo "exit $?"');
    expect(full).toBe(
      'swirl: the output cannot be written: ENOSPC: no space left on device, write\nexit 1\n',
    );
    // A report goes down a pipe as anything else does, and leaves nothing else on it.
    const cut = await shell(
      '$SWIRL report --run full -o /dev/stdout 2>said.txt | head -c 15; printf "|"; cat said.txt',
    );
    expect(cut).toMatch(/^<!doctype html>\|\/dev\/stdout: 0 of 0 trajectories, \d+ kB\n$/i);
    // A feed that does not fit says how much of it is there.
    const half = await place.swirl([
      ...['feed', 'many.jsonl', '--run', 'half', '--set', 'transport.maxLogBytes=1048576'],
    ]);
    const { length: there } = await recordsOf(place.path('runs'), 'half', 'questions');
    expect(there).toBeGreaterThan(0);
    told(
      half,
      EXIT.failed,
      `${there} questions of many.jsonl are in the run; the same command goes on after them`,
    );
  });

  test('a log that is damaged, foreign or of another run is refused and left as it is', async () => {
    await fed('whole');
    const copy = async (run: string) => {
      await cp(place.path('runs', 'whole'), place.path('runs', run), { recursive: true });
      return place.path('runs', run, 'log', 'data.mdb');
    };
    truncateSync(await copy('cut'), 12_000);
    await writeFile(await copy('noise'), Buffer.alloc(100_000, 'noise'));
    await copy('other');
    await mkdir(place.path('runs', 'foreign', 'log'), { recursive: true });
    place.write('runs/foreign/log/notes.txt', 'mine');
    const before = readFileSync(place.path('runs', 'noise', 'log', 'data.mdb'));
    told(await drain('cut'), EXIT.failed, /runs\/cut\/log is damaged/);
    told(await drain('noise'), EXIT.failed, /runs\/noise\/log is damaged/);
    told(await place.swirl(['tap', 'questions', '--run', 'noise']), EXIT.failed, /damaged/);
    told(await drain('other'), EXIT.failed, /Expected the log of run "other".*found that of run "whole"/);
    told(await drain('foreign'), EXIT.failed, /found notes\.txt/);
    expect(readFileSync(place.path('runs', 'noise', 'log', 'data.mdb'))).toEqual(before);
  });

  test('what the flow itself writes cannot be fed', async () => {
    const feeding = (topic: string) => place.swirl(['feed', 'questions.jsonl', '--topic', topic]);
    told(await feeding('updates'), EXIT.usage, /may be fed: `questions`\. Found updates: its stages write/);
    told(await feeding('scored'), EXIT.usage, /Found scored: .*list it under `fed`/);
  });

  test('a folder that cannot be written', async () => {
    place.write('file', '');
    told(
      await place.swirl(['feed', 'questions.jsonl', '--set', 'folder=file']),
      EXIT.usage,
      /cannot be written.*`folder`/,
    );
    const readOnly = existsSync('/sys/kernel') ? '/sys/kernel' : '/dev/null';
    told(
      await place.swirl(['run', '--set', `folder=${readOnly}`]),
      EXIT.usage,
      /cannot be written.*`folder`/,
    );
  });
});

describe('devices', () => {
  const noDriver = { VK_ICD_FILENAMES: '/nowhere.json', VK_DRIVER_FILES: '/nowhere.json' };

  test('no adapter: webgpu stops with what to do, auto goes on with the reference and says so', async () => {
    await fed('device');
    const args = ['run', '--until-drained', '--set', 'run=device'];
    const stopped = await place.swirl([...args, ...setting('policy.device=webgpu')], noDriver);
    told(stopped, EXIT.failed, /Expected a WebGPU adapter, found none.*driver/);
    expect((await contents(place.path('runs'), 'device')).turns).toEqual([]);
    const auto = await place.swirl([...args, ...setting('policy.device=auto')], noDriver);
    expect(auto).toMatchObject({ code: EXIT.done });
    expect(auto.stderr.match(/found none.*Going on with the float64 reference/g)).toHaveLength(1);
    expect((await recordsOf(place.path('runs'), 'device', 'updates')).length).toBeGreaterThan(0);
  });
});

describe('models', () => {
  let server: FaultServer;
  const rewards: Record<string, string> = {
    nan: 'NaN',
    infinite: 'Infinity',
    none: 'no idea',
    beyond: '7',
    power: '0.5',
  };

  beforeAll(async () => {
    server = await startFaultServer((request) => {
      const { model, messages } = request.body;
      const said = messages.map(({ content }) => content).join('\n');
      const question = Object.keys(rewards).find((name) => said.includes(`The question ${name}.`));
      if (model === 'reward') return `It is what it is.\nREWARD: ${rewards[question ?? '']}`;
      if (questionOf(request).includes('power') && messages.length === 2)
        return 'I try. <math_exp>9^9^9^9</math_exp>';
      return 'Done. <answer>1</answer>';
    });
  });

  afterAll(() => server.close());

  test('an expression beyond all bounds goes back to the policy; a reward that is no number is a failure, never 0', async () => {
    const { url } = server;
    place.write('hostile.yaml', {
      ...sumsTopology('runs'),
      run: 'hostile',
      policy: { kind: 'openai', baseUrl: url, model: 'policy' },
      learner: { checkpoint: 'policy', contextTokens: 256, device: 'reference' },
      reward: { kind: 'openai', baseUrl: url, model: 'reward' },
    });
    const questions = Object.keys(rewards).map((id) => ({ id, task: 'sums', text: `The question ${id}.` }));
    place.write('hostile.jsonl', questions.map((question) => `${JSON.stringify(question)}\n`).join(''));
    expect(await place.swirl(['feed', 'hostile.jsonl', '-t', 'hostile.yaml'])).toMatchObject({ code: 0 });
    expect(await place.swirl(['run', 'hostile.yaml', '--until-drained'])).toMatchObject({
      code: EXIT.failures,
    });

    const trajectories = await recordsOf(place.path('runs'), 'hostile', 'trajectories');
    const powers = trajectories.filter(({ question }) => question.id === 'power');
    expect(powers).toHaveLength(2);
    for (const { steps } of powers) {
      expect(steps).toHaveLength(2);
      expect(steps[0]?.observation).toMatchObject({ tool: 'calculator', status: 'REFUSED' });
    }
    const failures = await recordsOf(place.path('runs'), 'hostile', 'failures');
    const bad = ['nan', 'infinite', 'none', 'beyond'].flatMap((id) => [`${id}/0/0`, `${id}/1/0`]);
    expect(failures.map(({ record }) => record).sort()).toEqual(bad.sort());
    for (const failure of failures) {
      expect(failure).toMatchObject({ stage: 'reward', error: 'ModelError', attempts: 1 });
      expect(failure.message).toMatch(/expected a last line REWARD: N with a number from 0 to 1/);
    }
    const scored = await recordsOf(place.path('runs'), 'hostile', 'scored');
    expect(scored.map(({ id, reward }) => [id, reward.value])).toEqual(
      ['power/0/0', 'power/0/1', 'power/1/0', 'power/1/1'].map((id) => [id, 0.5]),
    );
  });
});
