/** Feeding by command: nothing twice, nothing under another's name, and on from where it was broken off. */
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { patiently, until } from '../patience.ts';
import { builtProgram } from './built-program.ts';
import { recordsOf } from './run-records.ts';
import { type Workplace, workplace } from './swirl-process.ts';

let place: Workplace;
beforeAll(() => {
  place = workplace();
  place.write('topology.yaml', {
    tasks: { sums: { instructions: '', tools: [] } },
    // Never asked.
    policy: { kind: 'openai', baseUrl: 'http://127.0.0.1:9/v1', model: 'none' },
    stages: { start: {}, rollout: {} },
  });
});
afterAll(() => place.remove());

const lines = (...texts: string[]) => texts.map((text) => `${JSON.stringify({ text })}\n`).join('');
const ids = async (run: string) =>
  (await recordsOf(place.path('runs'), run, 'questions')).map(({ id }) => id);

/** A feed of its standard input. */
function piped(run: string) {
  const child = spawn(
    process.execPath,
    [builtProgram(), 'feed', '-', '--task', 'sums', '--set', `run=${run}`],
    {
      cwd: place.folder,
      env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' },
      stdio: 'pipe',
    },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, said: () => said, ended };
}

test('files of one name, and standard input twice; the same again is told and left out', async () => {
  const feed = (...args: string[]) => place.swirl(['feed', ...args, '--task', 'sums']);
  const { mkdirSync } = await import('node:fs');
  for (const folder of ['a', 'b']) mkdirSync(place.path(folder));
  place.write('a/q.jsonl', lines('one', 'two'));
  place.write('b/q.jsonl', lines('three', 'two'));
  expect(await feed('a/q.jsonl', 'b/q.jsonl')).toMatchObject({
    code: 0,
    stdout: 'fed 3 questions into the run main; 1 that it holds already left out\n',
  });
  const again = await feed('a/q.jsonl', 'b/q.jsonl', '--json');
  expect(again.code).toBe(0);
  expect(JSON.parse(again.stdout)).toEqual({ run: 'main', fed: { questions: 0 }, held: 4, malformed: 0 });
  const all = await ids('main');
  expect(all.slice(0, 2)).toEqual(['q:1', 'q:2']);
  expect(all[2]).toMatch(/^q:1-[0-9a-f]{8}$/);
  for (const text of ['five', 'six', 'five']) {
    const { child, ended } = piped('pipe');
    child.stdin.end(lines(text));
    expect(await patiently('the end of a feed', ended)).toBe(0);
  }
  expect(await ids('pipe')).toHaveLength(2);
});

test('Control-C says how far it came, also while input is waited for; fed again it goes on from there', async () => {
  const some = lines(...Array.from({ length: 700 }, (_, n) => `question ${n}`));
  const feeding = piped('broken');
  feeding.child.stdin.write(some);
  const there = async () => (await ids('broken').catch(() => [])).length >= 512;
  let over = false;
  void feeding.ended.then(() => {
    over = true;
  });
  await until('the first transaction', async () => over || (await there()));
  feeding.child.kill('SIGINT');
  expect(await patiently('the end of a feed', feeding.ended, feeding.said)).toBe(130);
  expect(feeding.said()).toContain('fed 700 questions into the run broken');
  expect(feeding.said()).toContain('interrupted; the same command goes on from there');
  const more = piped('broken');
  more.child.stdin.end(some + lines('the last one'));
  expect(await patiently('the end of a feed', more.ended, more.said)).toBe(0);
  expect(more.said()).toContain('fed 1 question into the run broken; 700 that it holds already left out');
  expect(await ids('broken')).toHaveLength(701);
});
