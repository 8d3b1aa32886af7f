/**
 * What commands say where there is nothing: an empty file, an empty topic, a folder where a file is wanted.
 */
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Workplace, workplace } from '../end-to-end/swirl-process.ts';

let place: Workplace;
beforeAll(() => {
  place = workplace();
  place.write('topology.yaml', {
    tasks: { sums: { instructions: '', tools: ['calculator'] } },
    tools: { calculator: { kind: 'calculator' } },
    // No model: the stages before and after it are enough here.
    stages: { decompose: {}, judge: {} },
    fed: ['trajectories'],
  });
  place.write('empty.jsonl', '');
  place.write('wrong.jsonl', 'what\nis\nthis\nfile\nfor\n?\n');
  mkdirSync(place.path('folder'));
});
afterAll(() => place.remove());

const feed = (...args: string[]) => place.swirl(['feed', '--topic', 'trajectories', ...args]);

describe('nothing there', () => {
  test('to feed: an empty file, and one in which nothing is a record', async () => {
    const empty = await feed('empty.jsonl');
    expect(empty).toMatchObject({ code: 0, stdout: 'fed 0 trajectories into the run main\n' });
    expect(empty.stderr).toContain('empty.jsonl: there are no records');
    const wrong = await feed('wrong.jsonl');
    expect(wrong.code).toBe(3);
    expect(wrong.stderr.match(/left out: /g)).toHaveLength(1);
    expect(wrong.stdout).toContain('; 6 malformed records left out\n');
    expect(wrong.stderr).toContain(
      'none of the 6 records of wrong.jsonl could be used: is it the right file, and the right --dataset or --topic?',
    );
  });

  test('to run: the table is followed by what to do', async () => {
    const { code, stdout } = await place.swirl(['run', '--until-drained']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/there was nothing to do: feed trajectories with: \S.* feed FILE -t runs\/main/);
  });

  test('to look at: a run that has not begun says how to begin it, and is not made', async () => {
    for (const args of [
      ['tap', 'judged'],
      ['watch', '--port', '0'],
      ['retry'],
      ['reset', '--stage', 'judge', '--to', 'earliest'],
    ]) {
      const { code, stderr } = await place.swirl([...args, '--run', 'later']);
      expect({ args, code, stderr }).toEqual({
        ...{ args, code: 2 },
        stderr: expect.stringMatching(
          /the run later has not begun: .* feed FILE -t topology\.yaml --run later\n/,
        ),
      });
    }
    expect(existsSync(place.path('runs', 'later'))).toBe(false);
  });

  test('to show: an empty topic says so on standard error, and prints no record', async () => {
    expect(await place.swirl(['tap', 'judged'])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringMatching(
        /^no records there in judged of the run main; nothing was fed yet: .* feed FILE -t runs\/main\n$/,
      ),
    });
  });

  test('to evaluate on, to score, to learn a vocabulary from', async () => {
    const evaluated = await place.swirl(['evaluate', 'empty.jsonl', '--task', 'sums']);
    expect(evaluated).toMatchObject({ code: 1, stdout: '' });
    expect(evaluated.stderr).toContain('empty.jsonl: there are no questions to evaluate on');
    const made = await place.swirl(['new-policy', 'tiny', '--texts', 'empty.jsonl', '--layers', '1']);
    expect(made.code).toBe(0);
    expect(made.stderr).toMatch(/no more than \d+ of the 1024 tokens that were asked for/);
    const scored = await place.swirl(['score', '--policy', 'tiny', '--texts', 'empty.jsonl']);
    expect(scored).toMatchObject({ code: 0, stdout: '' });
    expect(scored.stderr).toContain('empty.jsonl: there are no texts');
  });
});

test('a run whose folder was copied is the copy, not what it was begun as', async () => {
  await place.swirl(['run', '--until-drained', '--run', 'first']);
  cpSync(place.path('runs', 'first'), place.path('elsewhere', 'first'), { recursive: true });
  const { code } = await place.swirl(['report', '-t', 'elsewhere/first']);
  expect(code).toBe(0);
  expect(existsSync(place.path('elsewhere', 'first', 'report.html'))).toBe(true);
  expect(existsSync(place.path('runs', 'first', 'report.html'))).toBe(false);
});

test.each([
  ['feed', 'folder', '--topic', 'trajectories'],
  ['evaluate', 'folder', '--task', 'sums'],
  ['new-policy', 'new', '--texts', 'folder'],
  ['lint', 'folder'],
])('a folder where a file is wanted: swirl %s %s %s %s', async (...args) => {
  const { code, stderr } = await place.swirl(args.filter((argument) => argument !== undefined));
  expect(code).toBeGreaterThan(0);
  expect(stderr).toMatch(/folder: .*(this is a folder|found another folder)/);
});

test('numbers that make no sense name their option', async () => {
  for (const args of [
    ['demo', '--held-out', '0'],
    ['lab', 'base', '--updates', '0'],
  ]) {
    const { code, stderr } = await place.swirl(args);
    expect(stderr).toContain(
      `option '${args.at(-2)} <n>' argument '0' is invalid. expected a whole number from 1 on`,
    );
    expect(code).toBe(2);
  }
});

test('a demo that cannot begin leaves no run', async () => {
  const { code, stderr } = await place.swirl(['demo', '--policy', 'folder', '--folder', 'demos']);
  expect(stderr).toContain('folder: expected a policy');
  expect(code).toBe(2);
  expect(
    await place.swirl(['replay', '--folder', 'demos', '--run', 'demo-1', '--from', 'scored']),
  ).toMatchObject({
    stderr: expect.stringContaining('there is no run demo-1 in demos'),
  });
});
