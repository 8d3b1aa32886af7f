/** What every engine must do when it trains; part of `engineContract`. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AdamWOptions, Engine, Tensors } from '../../../src/engine/engine.ts';
import { packRows } from '../../../src/engine/rows.ts';
import { ConfigError, ModelError } from '../../../src/errors.ts';
import type { PolicyFixture } from '../fixtures.ts';
import { fixtureAdamW, largestError, loadFixture, relativeError } from '../fixtures.ts';
import type { EngineFactory } from './factory.ts';
import { resetOptimizer, zeroGradient } from './factory.ts';

const adamW: AdamWOptions = { ...fixtureAdamW, clipNorm: Number.POSITIVE_INFINITY };

export function trainingContract(create: EngineFactory): void {
  describe('training', () => {
    let fixture: PolicyFixture;
    let engine: Engine;
    beforeAll(async () => {
      fixture = await loadFixture('capped');
      engine = await create(fixture.config, fixture.weights);
    });
    afterAll(() => engine.close());

    /** Weights, gradient and moments as at the start. */
    const reset = async () => {
      await zeroGradient(engine, fixture);
      await resetOptimizer(engine, fixture.weights);
      await engine.setWeights(fixture.weights);
    };
    const gradientOf = async (rows: PolicyFixture['rows'], weights: Float32Array) => {
      await reset();
      await engine.forward(rows);
      await engine.backward(weights);
      return engine.gradients();
    };

    test('weights come back as they were set; a tensor missing, extra or of another size is refused', async () => {
      await engine.setWeights(fixture.weights);
      const weights = await engine.weights();
      for (const [tensor, values] of fixture.weights) expect(weights.get(tensor)).toEqual(values);
      const broken = (change: (tensors: Tensors) => void) => {
        const tensors = new Map(fixture.weights);
        change(tensors);
        return engine.setWeights(tensors);
      };
      await expect(broken((t) => t.delete('model.norm.weight'))).rejects.toThrow(ConfigError);
      await expect(broken((t) => t.set('extra', new Float32Array(1)))).rejects.toThrow(/extra/);
      const short = broken((t) => t.set('model.norm.weight', new Float32Array(1)));
      await expect(short).rejects.toThrow(/model\.norm\.weight \(24\)/);
      expect((await engine.weights()).get('model.norm.weight')).toEqual(
        fixture.weights.get('model.norm.weight'),
      );
    });

    test('the same again is the same to the bit', async () => {
      const once = await gradientOf(fixture.rows, fixture.targetWeights);
      const again = await gradientOf(fixture.rows, fixture.targetWeights);
      for (const [tensor, values] of once) expect(again.get(tensor)).toEqual(values);
    });

    test('rows attend only to themselves: packed equals one by one', async () => {
      await reset();
      const { tokens } = fixture.rows;
      const rowOf = (from: number, to: number) => ({
        tokens: [...tokens.subarray(from, to)],
        targets: Array.from({ length: to - from - 1 }, (_, i) => i + 1),
      });
      const rows = [rowOf(0, 11), rowOf(3, 9), rowOf(12, 19)];
      const packed = await engine.forward(packRows(rows));
      const apart: number[] = [];
      for (const row of rows) apart.push(...(await engine.forward(packRows([row]))));
      expect(largestError(packed, apart)).toBeLessThan(1e-5);
    });

    test('gradients add up over forward passes, and an update clears them', async () => {
      const whole = await gradientOf(fixture.rows, fixture.targetWeights);
      await reset();
      for (const part of [0, 1]) {
        await engine.forward(fixture.rows);
        await engine.backward(fixture.targetWeights.map((w, m) => (m % 2 === part ? w : 0)));
      }
      const summed = await engine.gradients();
      for (const [tensor, values] of whole) {
        expect(relativeError(summed.get(tensor) ?? [], values)).toBeLessThan(1e-4);
      }
      await engine.update(adamW);
      for (const values of (await engine.gradients()).values())
        expect(values.every((g) => g === 0)).toBe(true);
    });

    test('tokens without weight, and those after the last target, change no gradient', async () => {
      const row = [...fixture.rows.tokens.subarray(0, 8)];
      const short = await gradientOf(packRows([{ tokens: row, targets: [4, 5] }]), Float32Array.of(1, -0.5));
      const masked = packRows([{ tokens: [...row, 9, 31], targets: [2, 4, 5, 9] }]);
      const long = await gradientOf(masked, Float32Array.of(0, 1, -0.5, 0));
      for (const [tensor, values] of short) {
        expect(largestError(long.get(tensor) ?? [], values)).toBeLessThan(1e-5);
      }
    });

    test('a saved state goes on like the one that was not saved, to the bit', async () => {
      const step = async (on: Engine) => {
        await on.forward(fixture.rows);
        await on.backward(fixture.targetWeights);
        await on.update(fixtureAdamW);
      };
      await reset();
      await step(engine);
      await step(engine);
      const other = await create(fixture.config, await engine.weights());
      try {
        await other.setOptimizer(await engine.optimizer());
        await step(engine);
        await step(other);
        expect((await other.optimizer()).step).toBe(3);
        const weights = await other.weights();
        for (const [tensor, values] of await engine.weights()) expect(weights.get(tensor)).toEqual(values);
      } finally {
        await other.close();
      }
    });

    test('a gradient that is not finite is refused and leaves the weights alone', async () => {
      await reset();
      await engine.forward(fixture.rows);
      await engine.backward(fixture.targetWeights.map((w, m) => (m === 2 ? Number.NaN : w)));
      await expect(engine.update(adamW)).rejects.toThrow(ModelError);
      for (const [tensor, values] of await engine.weights())
        expect(values).toEqual(fixture.weights.get(tensor));
      expect((await engine.optimizer()).step).toBe(0);
      for (const values of (await engine.gradients()).values())
        expect(values.every((g) => g === 0)).toBe(true);
    });

    test('tokens outside the vocabulary are refused', async () => {
      await expect(engine.forward(packRows([{ tokens: [1, 53], targets: [1] }]))).rejects.toThrow(ModelError);
      await expect(engine.forward(packRows([{ tokens: [1, -1], targets: [1] }]))).rejects.toThrow(/found -1/);
    });

    test('no targets: no logprobs, and a gradient of 0', async () => {
      await reset();
      expect(await engine.forward(packRows([{ tokens: [4, 5, 6], targets: [] }]))).toHaveLength(0);
      await engine.backward(new Float32Array());
      for (const values of (await engine.gradients()).values())
        expect(values.every((g) => g === 0)).toBe(true);
    });
  });
}
