import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { tensorShapes } from '../../src/policy/config.ts';
import type { Tensors } from '../../src/policy/engine.ts';
import { hashWeights } from '../../src/policy/weights-hash.ts';
import type { Scored } from '../../src/topics/records.generated.ts';
import { Killed, type Process, runProcess, runToTheEnd, type SmallRun, smallRun } from './small-run.ts';
import { smallDecoder, trajectory } from './small-world.ts';

/** Memory where the system has it: these tests flush hundreds of checkpoints. */
const root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'swirl-train-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const newFolder = () => join(root, `${folders++}`);

const hashOf = (weights: Tensors) => hashWeights(weights, tensorShapes(smallDecoder));

/** Eleven records: trajectories of 1 to 3 steps, one record twice, one refused reward and one that is too long. */
function log(): Scored[] {
  const a = trajectory('a/0', [
    { text: 'ab', reward: 1 },
    { text: 'ba', reward: 0 },
  ]);
  const b = trajectory('b/0', [{ text: 'c', reward: 0.5 }]);
  const c = trajectory('c/0', [
    { text: 'cc', reward: 1 },
    { text: 'd', reward: Number.NaN },
    { text: 'da', reward: -1 },
  ]);
  const d = trajectory('d/0', [{ text: 'q'.repeat(300) }]);
  const e = trajectory('e/0', [
    { text: 'e', reward: 1 },
    { text: 'ee', reward: 0.25 },
  ]);
  return [...a, ...b, ...a.slice(0, 1), ...c, ...d, ...e];
}

async function undisturbed(settings: object, options: Process = {}) {
  const run = smallRun(newFolder(), log(), settings);
  const { weights, events } = await runProcess(run, options);
  return { run, hash: hashOf(weights), events };
}

function expectSame(run: SmallRun, expected: SmallRun): void {
  expect(run.updates).toEqual(expected.updates);
  expect(run.failures).toEqual(expected.failures);
  expect(run.committed).toBe(expected.committed);
}

describe('the train stage', () => {
  test('trains on every record once: batches of whole trajectories, refusals as failures, all committed', async () => {
    const { run, hash } = await undisturbed({});
    expect(
      run.updates.map(({ fromOffset, toOffset, trajectories, subTrajectories, dropped }) => ({
        fromOffset,
        toOffset,
        trajectories,
        subTrajectories,
        dropped,
      })),
    ).toEqual([
      { fromOffset: 0, toOffset: 3, trajectories: 2, subTrajectories: 3, dropped: 0 },
      { fromOffset: 3, toOffset: 10, trajectories: 2, subTrajectories: 4, dropped: 3 },
    ]);
    expect(
      run.failures.map(({ id, record, error, retryable }) => ({ id, record, error, retryable })),
    ).toEqual([
      { id: 'train:scored:0:5', record: 'c/0/1', error: 'DataError', retryable: false },
      { id: 'train:scored:0:7', record: 'd/0/0', error: 'DataError', retryable: false },
    ]);
    expect(run.failures[0]?.message).toMatch(/finite reward, found NaN/);
    expect(run.failures[1]?.message).toMatch(/tokens, more than the 200/);
    expect(run.committed).toBe(log().length);
    expect(run.updates.map(({ id, step, epoch }) => ({ id, step, epoch }))).toEqual([
      { id: 'update/1', step: 1, epoch: 0 },
      { id: 'update/2', step: 2, epoch: 0 },
    ]);
    expect(run.updates.at(-1)?.weightsHash).toBe(hash);
  });
});
