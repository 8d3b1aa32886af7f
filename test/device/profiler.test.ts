import { expect, test } from '@jest/globals';
import { Device } from '../../src/device/device.ts';
import { Profiler } from '../../src/device/profiler.ts';
import { gemma2Decoder } from '../../src/engine/families.ts';
import { packRows } from '../../src/engine/rows.ts';
import { createWebGpuEngine } from '../../src/engine/webgpu/engine.ts';
import { filledWeights } from '../engine/filled-weights.ts';
import { onDevice } from './on-device.ts';

const config = gemma2Decoder({
  ...{ vocabSize: 40, hiddenSize: 16, intermediateSize: 32, layers: 2, heads: 2, keyValueHeads: 1 },
  ...{ headSize: 8, maxPositions: 32, window: 8 },
});

onDevice('time per kernel', () => {
  test('off, nothing is timed; on, every kernel is, each time, and the results are the same to the bit', async () => {
    const device = await Device.shared();
    if (!device.has('timestamp-query')) return;
    const weights = filledWeights(config, ({ index }) => Math.sin(index));
    const rows = packRows([{ tokens: [3, 1, 4, 1, 5, 9, 2, 6], targets: [1, 2, 5, 7] }]);
    const engine = await createWebGpuEngine(config, new Map(weights));
    const plain = await engine.forward(rows);
    const profiler = Profiler.start(device);
    expect(await profiler.times()).toEqual([]);
    expect(await engine.forward(rows)).toEqual(plain);
    const times = new Map((await profiler.times()).map((time) => [time.label, time]));
    // Of each layer two attentions' worth of matmuls: qkv, o, gateUp and down; and the head's.
    expect(times.get('matmul')?.calls).toBe(4 * config.layers + 1);
    expect(times.get('attention')?.calls).toBe(config.layers);
    for (const { milliseconds } of times.values()) expect(milliseconds).toBeGreaterThanOrEqual(0);
    // The kernels are not free, whatever the clock's steps.
    expect([...times.values()].reduce((sum, { milliseconds }) => sum + milliseconds, 0)).toBeGreaterThan(0);
    expect(await profiler.times()).toEqual([]);
    profiler.stop();
    expect(await engine.forward(rows)).toEqual(plain);
    expect(await profiler.times()).toEqual([]);
    await engine.close();
  });
});
