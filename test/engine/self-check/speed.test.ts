import { expect, test } from '@jest/globals';
import type { DecoderConfig } from '../../../src/engine/config.ts';
import { ReferenceEngine } from '../../../src/engine/reference/engine.ts';
import { trainingSpeed } from '../../../src/engine/self-check/speed.ts';

test('speed counts the tokens of a round over the best round by the clock', async () => {
  // Three rounds of 900 (to warm up), 500 and 700 ms; 8 rows of 64 tokens each.
  const times = [0, 900, 1000, 1500, 2000, 2700];
  const idle = async (config: DecoderConfig) => {
    const engine = new ReferenceEngine(config);
    engine.forward = async ({ targets }) => new Float32Array(targets.length);
    engine.backward = async () => {};
    engine.update = async () => ({ gradNorm: 0 });
    return engine;
  };
  const speed = await trainingSpeed(idle, { now: () => times.shift() ?? Number.NaN, rounds: 2 });
  expect(speed).toEqual({ tokensPerSecond: 1024, parameters: 329_952 });
});
