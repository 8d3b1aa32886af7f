/** Checkpoints of a small policy for tests: states and tensors by the step, and damage. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import type { OptimizerState } from '../../src/engine/engine.ts';
import { Checkpoints, type Tensorial } from '../../src/train/checkpoint.ts';
import { wholePolicy } from '../../src/train/checkpoint-form.ts';
import { nextSpan, type TrainState } from '../../src/train/train-state.ts';
import { smallDecoder, smallWeights } from './small-world.ts';

/** Checkpoints of one run after the other, and the policy that all of them begin with. */
export function checkpointRuns() {
  const root = mkdtempSync(join(tmpdir(), 'swirl-checkpoint-'));
  const origin = { path: join(root, 'origin'), config: smallDecoder };
  mkdirSync(origin.path);
  writeFileSync(join(origin.path, 'config.json'), '{"model_type":"gemma2"}');
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  let runs = 0;
  let checkpoints: Checkpoints;
  return {
    origin,
    /** Those of another run; their folder is not made yet. */
    nextRun: () => {
      const folder = join(root, `run${runs++}`, 'checkpoints');
      checkpoints = new Checkpoints(folder, wholePolicy(origin));
      return { folder, checkpoints };
    },
    /** Writes one of the run at hand. */
    write: (step: number) => checkpoints.write(stateAt(step), async () => tensorsAt(step)),
  };
}

export function stateAt(step: number, offset = 10 * step): TrainState {
  return {
    step,
    cursor: nextSpan(offset, ['a/0/0']),
    pendingUpdates: [],
    pendingRefusals: [{ offset: 3, record: 'b/0/0', reason: 'too long' }],
    firstWeightsHash: 'first',
    settings: { beta: '0' },
  };
}

export function tensorsAt(step: number): Tensorial {
  const optimizer: OptimizerState = {
    step,
    m: smallWeights(BigInt(step) + 100n),
    v: smallWeights(BigInt(step) + 200n),
  };
  return { weights: smallWeights(BigInt(step)), optimizer };
}

/** Changes one bit in the last number of a file. */
export function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 2) ^ 1, bytes.length - 2);
  writeFileSync(path, bytes);
}
