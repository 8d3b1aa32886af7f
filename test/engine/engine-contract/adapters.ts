/** What every engine must do that trains adapters beside frozen weights; part of `engineContract`. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { tensorShapes } from '../../../src/engine/config.ts';
import type { Engine, EngineOptions, SampleRequest, Tensors } from '../../../src/engine/engine.ts';
import { initialAdapters } from '../../../src/engine/lora.ts';
import { packRows } from '../../../src/engine/rows.ts';
import { ConfigError } from '../../../src/errors.ts';
import type { AdapterFixture } from '../fixtures.ts';
import { fixtureAdamW, largestError, loadAdapterFixture, loadFixture, relativeError } from '../fixtures.ts';
import type { EngineFactory } from './factory.ts';
import { firstGradient, withEngine } from './factory.ts';

export function adapterContract(create: EngineFactory): void {
  describe('adapters', () => {
    let fixture: AdapterFixture;
    beforeAll(async () => {
      fixture = await loadAdapterFixture('capped-lora');
    });

    /** An engine of the fixture with its adapters set. */
    const adapted = async (options: EngineOptions = {}, weights: Tensors = fixture.weights) => {
      const engine = await create(fixture.config, weights, { lora: fixture.lora, ...options });
      await engine.setWeights(fixture.adapters);
      return engine;
    };
    const use = <T>(made: Promise<Engine>, body: (engine: Engine) => Promise<T>) => withEngine(made, body);

    test('without values they change nothing; fresh ones change nothing either, and learn', () =>
      use(create(fixture.config, fixture.weights, { lora: fixture.lora }), async (engine) => {
        for (const values of (await engine.weights()).values())
          expect(values.every((x) => x === 0)).toBe(true);
        expect(largestError(await engine.forward(fixture.rows), fixture.baseLogprobs)).toBeLessThan(1e-4);
        await engine.setWeights(initialAdapters(fixture.config, fixture.lora, 1));
        const before = await engine.forward(fixture.rows);
        expect(largestError(before, fixture.baseLogprobs)).toBeLessThan(1e-4);
        await engine.backward(fixture.targetWeights);
        for (const [tensor, values] of await engine.gradients()) {
          // With B zero, nothing comes to A.
          expect([tensor, values.some((g) => g !== 0)]).toEqual([tensor, tensor.includes('lora_B')]);
        }
        await engine.update(fixtureAdamW);
        expect(largestError(await engine.forward(fixture.rows), before)).toBeGreaterThan(1e-3);
        expect(largestError(await engine.forwardBase(fixture.rows), fixture.baseLogprobs)).toBeLessThan(1e-4);
      }));

    test('a base pass between does not change what forward and backward compute', async () => {
      const alone = await use(adapted(), (engine) => firstGradient(engine, fixture));
      await use(adapted(), async (engine) => {
        await engine.forwardBase(packRows([{ tokens: [3, 4, 5, 6], targets: [2, 3] }]));
        for (const [tensor, values] of await firstGradient(engine, fixture)) {
          expect(values).toEqual(alone.get(tensor));
        }
        await engine.forwardBase(fixture.rows);
        await expect(engine.backward(fixture.targetWeights)).rejects.toThrow(/forward/);
      });
    });

    test('engines without adapters have no base pass', async () => {
      await use(create(fixture.config, fixture.weights), async (engine) => {
        await expect(engine.forwardBase(fixture.rows)).rejects.toThrow(/adapters/);
      });
    });

    test('adapters of another shape, and a decoder with a tensor missing, are refused', async () => {
      await use(adapted(), async (engine) => {
        await expect(engine.setWeights(fixture.weights)).rejects.toThrow(ConfigError);
        await expect(engine.setWeights(new Map())).rejects.toThrow(/lora_A\.weight \(4, 24\)/);
        expect(await engine.weights()).toEqual(fixture.adapters);
      });
      const broken = new Map(fixture.weights);
      broken.delete('model.layers.1.mlp.up_proj.weight');
      await expect(adapted({}, broken)).rejects.toThrow(/model\.layers\.1\.mlp\.up_proj\.weight \(40, 24\)/);
    });

    test('frozen matrices in bf16 are the rounded ones; vectors stay', async () => {
      const shapes = tensorShapes(fixture.config);
      const rounded = new Map(
        [...fixture.weights].map(([name, values]) => [
          name,
          shapes.get(name)?.length === 2 ? values.map(roundToBf16) : values,
        ]),
      );
      const run = async (engine: Engine) => {
        const logprobs = await engine.forward(fixture.rows);
        await engine.backward(fixture.targetWeights);
        return { logprobs, gradients: await engine.gradients() };
      };
      const exact = await use(adapted({}, rounded), run);
      expect(largestError(exact.logprobs, fixture.logprobs)).toBeGreaterThan(1e-3);
      for (const weights of [rounded, fixture.weights]) {
        const found = await use(adapted({ frozen: 'bf16' }, weights), run);
        expect(largestError(found.logprobs, exact.logprobs)).toBeLessThan(1e-5);
        for (const [tensor, values] of exact.gradients) {
          const error = relativeError(found.gradients.get(tensor) ?? [], values);
          // The same weights, but not always the same kernels.
          expect([tensor, error < 5e-5]).toEqual([tensor, true]);
        }
      }
    });

    test('a saved state goes on like the one that was not saved, to the bit', async () => {
      const step = async (on: Engine) => {
        await on.forward(fixture.rows);
        await on.backward(fixture.targetWeights);
        await on.update(fixtureAdamW);
      };
      await use(adapted(), async (engine) => {
        await step(engine);
        await use(create(fixture.config, fixture.weights, { lora: fixture.lora }), async (other) => {
          await other.setWeights(await engine.weights());
          await other.setOptimizer(await engine.optimizer());
          await step(engine);
          await step(other);
          expect(await other.weights()).toEqual(await engine.weights());
          expect(await other.optimizer()).toEqual(await engine.optimizer());
        });
      });
    });

    test('samples are drawn with the adapters', () =>
      use(adapted(), async (engine) => {
        const request: SampleRequest = {
          ...{ prompt: [7, 8, 9], maxTokens: 12, temperature: 1, topP: 1, topK: 0 },
          ...{ stopTokens: [], seed: 5n },
        };
        const sampler = engine.sampler({ slots: 2, maxLength: 20 });
        const { tokens, logprobs } = await sampler.sample(request);
        const rows = packRows([
          {
            tokens: [...request.prompt, ...tokens],
            targets: tokens.map((_, i) => request.prompt.length + i),
          },
        ]);
        expect(largestError(logprobs, await engine.forward(rows))).toBeLessThan(1e-4);
        expect(largestError(logprobs, await engine.forwardBase(rows))).toBeGreaterThan(0.1);
        sampler.close();
      }));
  });

  describe('weights from a source', () => {
    test('slice by slice they are the same as in memory', async () => {
      for (const name of ['capped', 'qwen2'] as const) {
        const { config, weights, rows } = await loadFixture(name);
        const read: string[] = [];
        const source = {
          read: async (tensor: string, visit: (slice: Float32Array, at: number) => void) => {
            read.push(tensor);
            const values = weights.get(tensor) ?? new Float32Array();
            for (let at = 0; at < values.length; at += 50) visit(values.slice(at, at + 50), at);
          },
        };
        const expected = await withEngine(create(config, weights), (engine) => engine.forward(rows));
        for (const lora of [null, { rank: 2, scale: 1, targets: ['v_proj'] }] as const) {
          read.length = 0;
          const found = await withEngine(create(config, source, { lora }), (engine) => engine.forward(rows));
          expect(largestError(found, expected)).toBeLessThan(1e-5);
          expect(read.sort()).toEqual([...weights.keys()].sort());
        }
      }
    });
  });
}

/** To the nearest number with 8 bits of mantissa, ties to even. */
function roundToBf16(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0] += 0x7fff + ((bits[0] >>> 16) & 1);
  bits[0] &= 0xffff0000;
  return new Float32Array(bits.buffer)[0];
}
