/** TensorBoard's own reader (PyPI, in an environment of its own) finds in our files what was written. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from '@jest/globals';
import { ensurePython, pythonFor } from '../../scripts/monitor/programs.js';
import { UpdateFiles } from '../../src/telemetry/update-files.ts';
import { update } from '../records.ts';

ensurePython('tensorboard', (line) => process.stderr.write(`${line}\n`));
const { path: python, why } = pythonFor('tensorboard');
const given = why === null ? describe : describe.skip;
const script = fileURLToPath(new URL('read-events.py', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'swirl-tensorboard-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Scalars = Readonly<Record<string, readonly (readonly [number, number, number])[]>>;

given(why === null ? 'TensorBoard' : `TensorBoard (skipped: ${why})`, () => {
  test('finds every measure of every update, at its step and its time, and the runs beside each other', () => {
    const written = { first: 300, second: 7 };
    const made = (step: number) =>
      update({
        ...{ step, loss: 1 / step - 1, kl: step * 1e-9, gradNorm: step % 3, actionTokens: 1e6 + step },
        meanRatio: step % 2 === 0 ? null : 1 + step / 1000,
      });
    const time = (step: number) => 1_700_000_000_000 + 250 * step;
    for (const [name, updates] of Object.entries(written)) {
      const files = new UpdateFiles(join(folder, name), ['tensorboard'], time(0));
      for (let step = 1; step <= updates; step += 3) {
        const some = [step, step + 1, step + 2].filter((one) => one <= updates);
        files.append(some.map((one) => ({ update: made(one), time: time(one) })));
      }
    }
    const read = spawnSync(python as string, [script, folder], { encoding: 'utf8', maxBuffer: 1 << 26 });
    expect([read.status, read.status === 0 ? '' : read.stderr]).toEqual([0, '']);
    const runs = JSON.parse(read.stdout) as Readonly<Record<string, Scalars>>;
    expect(Object.keys(runs).sort()).toEqual(['first/tensorboard', 'second/tensorboard']);
    for (const [name, updates] of Object.entries(written)) {
      const scalars = runs[`${name}/tensorboard`] ?? {};
      for (const measure of ['loss', 'kl', 'gradNorm', 'meanRatio', 'actionTokens', 'meanReward'] as const) {
        const expected = Array.from({ length: updates }, (_, i) => i + 1).flatMap((step) => {
          const value = made(step)[measure];
          return value === null ? [] : [[step, time(step) / 1000, Math.fround(value)]];
        });
        expect([measure, scalars[`updates/${measure}`]]).toEqual([measure, expected]);
      }
    }
  });
});
