/**
 * Every family, and adapters, against what PyTorch, transformers and PEFT compute; part of `engineContract`.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { tensorShapes } from '../../../src/engine/config.ts';
import type { Engine, Tensors } from '../../../src/engine/engine.ts';
import { adapterShapes } from '../../../src/engine/lora.ts';
import type { AdapterFixture, PolicyFixture } from '../fixtures.ts';
import {
  adapterFixtureNames,
  fixtureAdamW,
  fixtureNames,
  largestError,
  loadAdapterFixture,
  loadFixture,
  relativeError,
} from '../fixtures.ts';
import type { EngineFactory } from './factory.ts';
import { firstGradient, resetOptimizer, withEngine, zeroGradient } from './factory.ts';

export function pytorchContract(create: EngineFactory): void {
  for (const name of fixtureNames) {
    describe(`against PyTorch, ${name}`, () => {
      let fixture: PolicyFixture;
      let engine: Engine;
      beforeAll(async () => {
        fixture = await loadFixture(name);
        engine = await create(fixture.config, fixture.weights);
      });
      afterAll(() => engine.close());

      test('trains every tensor of the decoder', () => {
        expect(engine.lora).toBe(null);
        expect(engine.trainable).toEqual(tensorShapes(fixture.config));
        expect([...engine.trainable.keys()].sort()).toEqual([...fixture.weights.keys()].sort());
      });
      agrees(
        () => fixture,
        () => engine,
        () => fixture.weights,
      );
      test('the same with activations computed again', async () => {
        const again = create(fixture.config, fixture.weights, { recompute: true });
        await sameGradients(engine, await again, fixture);
      });
    });
  }

  for (const name of adapterFixtureNames) {
    describe(`against PEFT, ${name}`, () => {
      let fixture: AdapterFixture;
      let engine: Engine;
      beforeAll(async () => {
        fixture = await loadAdapterFixture(name);
        engine = await create(fixture.config, fixture.weights, { lora: fixture.lora });
        await engine.setWeights(fixture.adapters);
      });
      afterAll(() => engine.close());

      test('trains every adapter and nothing else', () => {
        expect(engine.lora).toEqual(fixture.lora);
        expect(engine.trainable).toEqual(adapterShapes(fixture.config, fixture.lora));
        expect([...engine.trainable.keys()].sort()).toEqual([...fixture.adapters.keys()].sort());
      });
      test('logprobs of the base within 1e-4', async () => {
        expect(largestError(await engine.forwardBase(fixture.rows), fixture.baseLogprobs)).toBeLessThan(1e-4);
        // Or the test could not tell them apart.
        expect(largestError(fixture.logprobs, fixture.baseLogprobs)).toBeGreaterThan(0.1);
      });
      agrees(
        () => fixture,
        () => engine,
        () => fixture.adapters,
      );
      test('the same with activations computed again', async () => {
        const again = await create(fixture.config, fixture.weights, { lora: fixture.lora, recompute: true });
        await again.setWeights(fixture.adapters);
        await sameGradients(engine, again, fixture);
      });
    });
  }
}

/** Logprobs, gradients and ten steps; `trained` are the tensors as they are at the start. */
function agrees(
  fixtureOf: () => Pick<
    PolicyFixture,
    'rows' | 'targetWeights' | 'logprobs' | 'gradients' | 'stepped' | 'losses' | 'gradNorms'
  >,
  engineOf: () => Engine,
  trained: () => Tensors,
): void {
  test('logprobs within 1e-4', async () => {
    expect(largestError(await engineOf().forward(fixtureOf().rows), fixtureOf().logprobs)).toBeLessThan(1e-4);
  });

  test('the gradient of every tensor within 1e-3', async () => {
    const fixture = fixtureOf();
    const gradients = await firstGradient(engineOf(), fixture);
    expect([...gradients.keys()].sort()).toEqual([...fixture.gradients.keys()].sort());
    for (const [tensor, expected] of fixture.gradients) {
      const found = gradients.get(tensor) ?? [];
      expect([tensor, relativeError(found, expected) < 1e-3]).toEqual([tensor, true]);
    }
  });

  test('ten AdamW steps, clipped and decayed, within 1e-3', async () => {
    const [fixture, engine] = [fixtureOf(), engineOf()];
    await engine.setWeights(trained());
    await zeroGradient(engine, fixture);
    await resetOptimizer(engine, trained());
    for (let step = 0; step < 10; step++) {
      const logprobs = await engine.forward(fixture.rows);
      const loss = -logprobs.reduce((sum, p, m) => sum + p * fixture.targetWeights[m], 0);
      expect(Math.abs(loss - fixture.losses[step])).toBeLessThan(1e-3 * Math.max(1, Math.abs(loss)));
      await engine.backward(fixture.targetWeights);
      const { gradNorm } = await engine.update(fixtureAdamW);
      expect(Math.abs(gradNorm / fixture.gradNorms[step] - 1)).toBeLessThan(1e-3);
    }
    const weights = await engine.weights();
    for (const [tensor, expected] of fixture.stepped) {
      const found = weights.get(tensor) ?? [];
      expect([tensor, relativeError(found, expected) < 1e-3]).toEqual([tensor, true]);
    }
    await engine.setWeights(trained());
    await resetOptimizer(engine, trained());
  });
}

/** Closes `again`. `engine` has its first weights and no gradient, as `again` has. */
async function sameGradients(
  engine: Engine,
  again: Engine,
  fixture: Pick<PolicyFixture, 'rows' | 'targetWeights'>,
): Promise<void> {
  await zeroGradient(engine, fixture);
  const expected = await firstGradient(engine, fixture);
  const found = await withEngine(Promise.resolve(again), (other) => firstGradient(other, fixture));
  expect([...found.keys()]).toEqual([...expected.keys()]);
  for (const [tensor, values] of expected) {
    expect([tensor, relativeError(found.get(tensor) ?? [], values) < 1e-6]).toEqual([tensor, true]);
  }
}
