import { expect, test } from '@jest/globals';
import { openDecoder } from '../../src/checkpoint/folder.ts';
import { openEngine } from '../../src/checkpoint/open-engine.ts';
import { packRows } from '../../src/engine/rows.ts';
import type { DeviceError } from '../../src/errors.ts';
import { fixturePath } from '../engine/fixtures.ts';

test('sizes that the kernels do not know: the reference, and a word about it', async () => {
  // Heads of 6.
  const decoder = await openDecoder(fixturePath('made-bpe'));
  const told: DeviceError[] = [];
  const engine = await openEngine(decoder, { device: 'auto', onFallback: (reason) => told.push(reason) });
  expect(engine.device).toBe('reference (float64)');
  expect(told.map(({ message }) => message)).toEqual([
    expect.stringMatching(/made-bpe: expected "head_dim" .*multiple of 4.*found 6/),
  ]);
  await engine.close();
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
