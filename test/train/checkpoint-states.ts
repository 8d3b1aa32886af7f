/** Checkpoints of a small policy for tests: states and tensors by the step, and damage. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { OptimizerState } from '../../src/engine/engine.ts';
import type { Tensorial } from '../../src/train/checkpoint.ts';
import { nextSpan, type TrainState } from '../../src/train/train-state.ts';
import { smallWeights } from './small-world.ts';

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
