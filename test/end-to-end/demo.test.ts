/**
 * The demo in small, as a process: what it says must be what its topics hold. The full one is `npm run demo`.
 */

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { binary, type Ended, type Workplace, workplace } from './swirl-process.ts';

const questions = 6;
const heldOut = 8;

let place: Workplace;
let ended: Ended;
let object: Record<string, unknown>;

beforeAll(async () => {
  place = workplace({ command: () => binary });
  const counts = ['--questions', String(questions), '--held-out', String(heldOut)];
  ended = await place.swirl(['demo', '--json', ...counts]);
  object = JSON.parse(ended.stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
});

afterAll(() => place.remove());

describe('swirl demo --json', () => {
  test('ends well, and prints nothing but the object to stdout', () => {
    expect(ended.code).toBe(0);
    expect(ended.stdout.trimEnd().split('\n').length).toBe(1);
  });

  test('counts what is in the topics: five trajectories a question, a verdict for every step', async () => {
    const topics: Record<string, number> = {};
    for (const topic of ['questions', 'trajectories', 'sub-trajectories', 'judged', 'updates', 'failures']) {
      const tap = await place.swirl([
        'tap',
        topic,
        '--json',
        '--topology',
        place.path('runs', 'demo-1', 'topology.resolved.yaml'),
      ]);
      expect(tap.code).toBe(0);
      topics[topic] = tap.stdout.split('\n').filter((line) => line !== '').length;
    }
    expect(object).toMatchObject({
      questions: topics.questions,
      trajectories: topics.trajectories,
      subTrajectories: topics['sub-trajectories'],
      verdicts: topics.judged,
      updates: topics.updates,
      failures: topics.failures,
    });
    expect(topics.questions).toBe(2 * questions);
    expect(topics.trajectories).toBe(2 * questions * 5);
    expect(topics.judged).toBe(topics['sub-trajectories']);
    expect(topics.failures).toBe(0);
    expect(topics.updates).toBeGreaterThan(0);
  });

  test('begins with the policy that ships, and ends with another', async () => {
    const shipped = new URL('../../assets/base-policy/lab.json', import.meta.url);
    const { weightsHash } = JSON.parse(await readFile(shipped, 'utf8')) as { weightsHash: string };
    expect(object.hashBefore).toBe(weightsHash);
    expect(object.hashAfter).toMatch(/^[0-9a-f]{64}$/);
    expect(object.hashAfter).not.toBe(object.hashBefore);
  });

  test('gives accuracy and good steps of both tasks, before and after', () => {
    for (const measure of ['accuracy', 'goodSteps']) {
      for (const task of ['search', 'math']) {
        const { before, after } =
          (object[measure] as Record<string, { before: number; after: number }>)[task] ?? {};
        for (const value of [before, after]) {
          expect(value).toBeGreaterThanOrEqual(0);
          expect(value).toBeLessThanOrEqual(1);
        }
      }
    }
    expect(object.seconds).toBeGreaterThan(0);
    expect(object.device).toEqual(expect.any(String));
  });

  test('shows the stages, trajectories with verdicts and rewards, and the table', () => {
    for (const part of ['rollout ', 'GOOD', 'reward 1', 'right answers, search', 'good steps, math']) {
      expect(ended.stderr).toContain(part);
    }
  });

  test('shows how far each of the four evaluations is', () => {
    expect(ended.stderr.match(new RegExp(`answered ${2 * heldOut}/${2 * heldOut}`, 'g'))?.length).toBe(4);
  });

  test('fits 80 columns, but for commands to copy', () => {
    const wide = ended.stderr.split('\n').filter((line) => line.length > 80);
    expect(wide.filter((line) => !/^ {2}(node|cp) /.test(line) && !line.includes(place.folder))).toEqual([]);
  });

  test('ends with its folder and commands that work as they stand', async () => {
    expect(ended.stderr).toContain('All of it is in runs/demo-1:');
    const tap = /swirl\.js (tap judged -t runs\/demo-1 --where '(.*)')$/m.exec(ended.stderr);
    const shown = await place.swirl(['tap', 'judged', '-t', 'runs/demo-1', '--where', tap?.[2] ?? '']);
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    const lines = shown.stdout.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line).toMatch(/ {2}BAD {2}/);
    const replay = /swirl\.js (replay [^\\]*)\\\n +(--set .*)$/m.exec(ended.stderr);
    const args = `${replay?.[1]}${replay?.[2]}`.split(/\s+/);
    const replayed = await place.swirl([...args, '--json']);
    expect(replayed.code).toBe(0);
    expect(JSON.parse(replayed.stdout)).toMatchObject({ end: 'drained', failures: 0 });
  });
});
