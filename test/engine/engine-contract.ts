/**
 * What every engine must do, whatever it runs on: call `engineContract` in a test file of one's own with a
 * factory. `reference.test.ts` and the WebGPU engine's test run this same body.
 */
import { describe } from '@jest/globals';
import { adapterContract } from './engine-contract/adapters.ts';
import type { EngineFactory } from './engine-contract/factory.ts';
import { pytorchContract } from './engine-contract/pytorch.ts';
import { samplingContract } from './engine-contract/sampling.ts';
import { trainingContract } from './engine-contract/training.ts';

export function engineContract(name: string, create: EngineFactory): void {
  describe(`${name}: engine contract`, () => {
    pytorchContract(create);
    trainingContract(create);
    adapterContract(create);
    samplingContract(create);
  });
}
