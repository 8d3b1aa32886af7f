/** What is said of a run that came to its end without having taught anything. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { learntLines } from '../../src/cli/learnt.ts';
import { nothingLearnt } from '../../src/cli/nothing-learnt.ts';
import { RunStatus } from '../../src/cli/run-status.ts';
import { type OpenRun, openRun } from '../../src/open-run.ts';
import type { Trajectory } from '../../src/topics/records.generated.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import { answer, question, step, trajectory } from '../records.ts';

let folder: string;
let run: OpenRun | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-nothing-'));
});
afterEach(async () => {
  await run?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs trajectories through the stages that need no model, and asks. */
async function after(mode: string, trajectories: readonly Trajectory[]): Promise<string[] | null> {
  const settings = {
    fed: ['trajectories'],
    tasks: { math: { tools: ['calculator'], instructions: '' } },
    tools: { calculator: { kind: 'calculator' } },
    stages: { decompose: {}, judge: {}, filter: { mode }, reward: {} },
    reward: { kind: 'constant', value: 1 },
  };
  run = await openRun(resolveTopology(settings, folder));
  await run.feed('trajectories', trajectories);
  const { signal } = new AbortController();
  const started = await run.start({ untilDrained: true, stop: signal, abort: signal });
  expect(await started.finished).toBe('drained');
  return nothingLearnt(run, await started.progress());
}

/** Of two steps, of which the second repeats the first call. */
const repeating = (id: string): Trajectory => {
  const whole = trajectory(id, 2);
  const [first] = whole.steps;
  return { ...whole, steps: [first, first, whole.steps[2]] as Trajectory['steps'] };
};
const unasked = (id: string): Trajectory => {
  const [name] = id.split('/');
  return { ...trajectory(id, 1), question: question({ id: name as string, answer: null }) };
};

test('verdicts, and which rule left the trajectories out', async () => {
  const why = await after('process', [repeating('a/0'), repeating('b/0')]);
  expect(why?.[0]).toBe('nothing was learnt: no record came into scored');
  expect(why?.slice(1)).toEqual([
    'trajectories: 2 answered',
    expect.stringMatching(/^judge: .*\d BAD/),
    'filter (mode process): 2 trajectories left out for a BAD step',
  ]);
});

test('answers that are wrong, and failures with their cause', async () => {
  const wrong = { ...trajectory('w/0', 0), steps: [step(answer('7'), null)], answer: '7' };
  const why = await after('outcome', [wrong, unasked('u/0'), unasked('v/0')]);
  expect(why).toContain(
    'filter (mode outcome): 2 trajectories failed, 1 trajectory left out for a wrong answer or none',
  );
  expect(why?.at(-1)).toMatch(
    /^4 failures at filter: DataError: trajectory \.\.\.: the outcome filter needs a gold answer/,
  );
});

test('nothing is said where something was accepted, or nothing was there', async () => {
  expect(await after('none', [trajectory('a/0', 1)])).toBeNull();
  await run?.close();
  rmSync(join(folder, 'runs'), { recursive: true });
  expect(await after('none', [])).toBeNull();
});

test('of updates whose policy is not kept it is said that they are made again', () => {
  const learnt = { steps: {}, trajectories: 4, accepted: 4, updates: 2, step: 2 };
  const reward = { mean: 0.5, first: 0.5, last: 0.5 };
  const lines = (checkpoint: string | null) =>
    learntLines(
      { ...learnt, reward, checkpoint },
      { folder: 'runs/a', status: new RunStatus(() => {}) },
    ).join('\n');
  expect(lines(null)).toMatch(/^policy: not kept yet; the next run makes .* again$/m);
  expect(lines('somewhere')).toMatch(/^policy: runs\/a\/checkpoints\/step-2$/m);
});
