import { expect, test } from '@jest/globals';
import { Device } from '../../../src/device/device.ts';
import type { DecoderConfig } from '../../../src/engine/config.ts';
import type { EngineOptions, PackedRows, Tensors } from '../../../src/engine/engine.ts';
import { gemma2Decoder } from '../../../src/engine/families.ts';
import { createReferenceEngine } from '../../../src/engine/reference/engine.ts';
import { packRows } from '../../../src/engine/rows.ts';
import { checkAdamW } from '../../../src/engine/self-check/cases.ts';
import { createWebGpuEngine } from '../../../src/engine/webgpu/engine.ts';
import { normal } from '../../../src/random.ts';
import { onDevice } from '../../device/on-device.ts';
import { engineContract } from '../engine-contract.ts';
import { filledWeights } from '../filled-weights.ts';
import { largestError, loadAdapterFixture, relativeError } from '../fixtures.ts';

const config = gemma2Decoder({
  ...{ vocabSize: 50, hiddenSize: 20, intermediateSize: 44, layers: 2, heads: 6, keyValueHeads: 2 },
  ...{ headSize: 32, maxPositions: 128, window: 9, attentionCap: 5, logitCap: 8 },
});

function madeWeights(decoder: DecoderConfig): Tensors {
  return filledWeights(decoder, ({ position }) => 0.3 * normal(5n, position));
}

/** Logprobs, gradients, and the norm of a gradient. */
async function expectAsReference(decoder: DecoderConfig, rows: PackedRows): Promise<void> {
  const weights = madeWeights(decoder);
  const reference = await createReferenceEngine(decoder, weights);
  const engine = await createWebGpuEngine(decoder, weights, { matmul: 'workgroup' });
  expect(largestError(await engine.forward(rows), await reference.forward(rows))).toBeLessThan(1e-4);
  const share = Float32Array.from(rows.targets, (_, m) => Math.cos(m));
  await reference.backward(share);
  await engine.backward(share);
  const found = await engine.gradients();
  for (const [tensor, values] of await reference.gradients()) {
    expect([tensor, relativeError(found.get(tensor) ?? [], values) < 1e-4]).toEqual([tensor, true]);
  }
  const [norm, expected] = [await engine.update(checkAdamW), await reference.update(checkAdamW)];
  expect(norm.gradNorm / expected.gradNorm).toBeCloseTo(1, 4);
  await reference.close();
  await engine.close();
}

onDevice('the WebGPU engine with the kernels for GPUs', () => {
  engineContract('webgpu', (config, weights, options) =>
    createWebGpuEngine(config, weights, { ...options, matmul: 'workgroup' }),
  );

  test('heads that eight lanes share, long rows behind a window: as the float64 reference', async () => {
    const rows = packRows(
      [70, 1, 33].map((length) => ({
        tokens: Array.from({ length }, (_, i) => (i * 7) % config.vocabSize),
        targets: Array.from({ length: length - 1 }, (_, i) => i + 1),
      })),
    );
    await expectAsReference(config, rows);
  });

  test('rows that a workgroup goes over several times: as the float64 reference, and the norm too', async () => {
    const wide = {
      ...config,
      vocabSize: 300,
      hiddenSize: 548,
      layers: 1,
      windows: [null],
      intermediateSize: 64,
    };
    const tokens = Array.from({ length: 9 }, (_, i) => (i * 37) % wide.vocabSize);
    await expectAsReference(wide, packRows([{ tokens, targets: [1, 4, 8] }]));
  });

  test('a sample is the same alone and among others, with its prompt in one piece or in several', async () => {
    // Two lanes share a head, with three vec4 each.
    const smaller = { ...config, headSize: 24 };
    const engine = await createWebGpuEngine(smaller, madeWeights(smaller), { matmul: 'workgroup' });
    const request = (i: number) => ({
      ...{ prompt: Array.from({ length: 3 + 7 * i }, (_, j) => (i * 31 + j * 17) % config.vocabSize) },
      ...{ maxTokens: 6, temperature: 1, topP: 1, topK: 0, stopTokens: [], seed: BigInt(i) },
    });
    const many = engine.sampler({ slots: 8, maxLength: 80 });
    const together = await Promise.all(Array.from({ length: 10 }, (_, i) => many.sample(request(i))));
    const alone = engine.sampler({ slots: 1, maxLength: 80 });
    const pieces = engine.sampler({ slots: 2, maxLength: 80, chunk: 5 });
    for (const i of [0, 4, 9]) {
      expect(await alone.sample(request(i))).toEqual(together[i]);
      expect(await pieces.sample(request(i))).toEqual(together[i]);
    }
    await engine.close();
  });

  test('f16 changes what is frozen in bf16, by a rounding, and nothing else', async () => {
    if (!(await Device.shared()).has('shader-f16')) return;
    const fixture = await loadAdapterFixture('qwen2-lora');
    const logprobs = async (options: EngineOptions) => {
      const engine = await createWebGpuEngine(fixture.config, fixture.weights, {
        ...{ ...options, lora: fixture.lora, matmul: 'workgroup' },
      });
      try {
        await engine.setWeights(fixture.adapters);
        return await engine.forward(fixture.rows);
      } finally {
        await engine.close();
      }
    };
    expect(await logprobs({ frozen: 'f32', precision: 'f16' })).toEqual(await logprobs({ frozen: 'f32' }));
    const exact = await logprobs({ frozen: 'bf16' });
    const rounded = await logprobs({ frozen: 'bf16', precision: 'f16' });
    expect(rounded).not.toEqual(exact);
    expect(largestError(rounded, exact)).toBeLessThan(0.02);
  });
});
