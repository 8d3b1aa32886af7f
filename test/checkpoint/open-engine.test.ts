import { expect, test } from '@jest/globals';
import { openDecoder } from '../../src/checkpoint/folder.ts';
import { openEngine } from '../../src/checkpoint/open-engine.ts';
import { packRows } from '../../src/engine/rows.ts';
import { onDevice } from '../device/on-device.ts';
import { fixturePath, largestError } from '../engine/fixtures.ts';

onDevice('a folder of sizes that are no multiples of 4', () => {
  test('opens on the device, with the logprobs of the reference', async () => {
    // Heads of 6.
    const decoder = await openDecoder(fixturePath('made-bpe'));
    const rows = packRows([{ tokens: [3, 5, 7, 9, 8], targets: [1, 2, 3, 4] }]);
    const found: Float32Array[] = [];
    for (const device of ['webgpu', 'reference'] as const) {
      const engine = await openEngine(decoder, { device });
      expect(engine.config.headSize).toBe(6);
      found.push(await engine.forward(rows));
      await engine.close();
    }
    expect(largestError(found[0], found[1])).toBeLessThan(1e-4);
  });
});

test('weights of a folder that holds bf16 alone are frozen as they are', async () => {
  const lora = { rank: 2, scale: 1, targets: ['q_proj'] as const };
  const decoder = await openDecoder(fixturePath('llama-bf16'));
  const rows = packRows([{ tokens: [3, 5, 7, 9], targets: [1, 2, 3] }]);
  const found: Float32Array[] = [];
  for (const frozen of ['auto', 'f32'] as const) {
    const engine = await openEngine(decoder, { device: 'reference', lora, frozen });
    expect(engine.lora).toEqual(lora);
    found.push(await engine.forward(rows));
    await engine.close();
  }
  expect(found[0]).toEqual(found[1]);
});
