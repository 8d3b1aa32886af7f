/**
 * What every engine must do, whatever it runs on: call `engineContract` in a test file of one's own with a
 * factory. `reference.test.ts` and the WebGPU engine's test run this same body.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ConfigError, ModelError } from '../../src/errors.ts';
import type { DecoderConfig } from '../../src/policy/config.ts';
import type { AdamWOptions, Engine, SampleRequest, Tensors } from '../../src/policy/engine.ts';
import { createReferenceEngine } from '../../src/policy/reference.ts';
import { packRows } from '../../src/policy/rows.ts';
import type { PolicyFixture } from './fixtures.ts';
import { fixtureAdamW, fixtureNames, largestError, loadFixture, relativeError } from './fixtures.ts';

/** Makes an engine on these weights; the contract closes it. */
export type EngineFactory = (config: DecoderConfig, weights: Tensors) => Promise<Engine>;

const adamW: AdamWOptions = { ...fixtureAdamW, clipNorm: Number.POSITIVE_INFINITY };

export function engineContract(name: string, create: EngineFactory): void {
  describe(`${name}: engine contract`, () => {
    for (const fixtureName of fixtureNames) {
      describe(`against PyTorch, ${fixtureName}`, () => {
        let fixture: PolicyFixture;
        let engine: Engine;
        beforeAll(async () => {
          fixture = await loadFixture(fixtureName);
          engine = await create(fixture.config, fixture.weights);
        });
        afterAll(() => engine.close());

        test('log-probabilities within 1e-4', async () => {
          expect(largestError(await engine.forward(fixture.rows), fixture.logprobs)).toBeLessThan(1e-4);
        });

        test('the gradient of every tensor within 1e-3', async () => {
          await engine.forward(fixture.rows);
          await engine.backward(fixture.targetWeights);
          const gradients = await engine.gradients();
          expect([...gradients.keys()].sort()).toEqual([...fixture.gradients.keys()].sort());
          for (const [tensor, expected] of fixture.gradients) {
            const found = gradients.get(tensor) ?? [];
            expect([tensor, relativeError(found, expected) < 1e-3]).toEqual([tensor, true]);
          }
        });

        test('ten AdamW steps, clipped and decayed, within 1e-3', async () => {
          await engine.setWeights(fixture.weights);
          await zeroGradient(engine, fixture);
          await resetOptimizer(engine, fixture.weights);
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
        });
      });
    }

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

      test('gradients add up over forwards, and an update clears them', async () => {
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

      test('tokens without weight, and those behind the last target, change no gradient', async () => {
        const row = [...fixture.rows.tokens.subarray(0, 8)];
        const short = await gradientOf(
          packRows([{ tokens: row, targets: [4, 5] }]),
          Float32Array.of(1, -0.5),
        );
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
        await expect(engine.forward(packRows([{ tokens: [1, 53], targets: [1] }]))).rejects.toThrow(
          ModelError,
        );
        await expect(engine.forward(packRows([{ tokens: [1, -1], targets: [1] }]))).rejects.toThrow(
          /found -1/,
        );
      });

      test('no targets: no log-probabilities, and a gradient of 0', async () => {
        await reset();
        expect(await engine.forward(packRows([{ tokens: [4, 5, 6], targets: [] }]))).toHaveLength(0);
        await engine.backward(new Float32Array());
        for (const values of (await engine.gradients()).values())
          expect(values.every((g) => g === 0)).toBe(true);
      });
    });

    describe('sampling', () => {
      let fixture: PolicyFixture;
      let engine: Engine;
      beforeAll(async () => {
        fixture = await loadFixture('capped');
        engine = await create(fixture.config, fixture.weights);
      });
      afterAll(() => engine.close());

      const request = (index: number, rest: Partial<SampleRequest> = {}): SampleRequest => ({
        prompt: [...fixture.rows.tokens.subarray(index % 5, (index % 5) + 1 + (index % 7))],
        maxTokens: 12,
        temperature: 1,
        topP: 1,
        topK: 0,
        stopTokens: [1],
        seed: BigInt(index) * 0x9e3779b97f4a7c15n,
        ...rest,
      });

      test('sampler and trainer agree on log-probabilities', async () => {
        const sampler = engine.sampler({ slots: 2, maxLength: 40 });
        for (let index = 0; index < 5; index++) {
          const { prompt } = request(index);
          const sample = await sampler.sample(request(index));
          expect(sample.tokens.length).toBeGreaterThan(0);
          const targets = sample.tokens.map((_, i) => prompt.length + i);
          const rows = packRows([{ tokens: [...prompt, ...sample.tokens], targets }]);
          expect(largestError(sample.logprobs, await engine.forward(rows))).toBeLessThan(1e-4);
        }
        sampler.close();
      });

      test('a sample alone equals the sample in a batch, whatever the number of slots', async () => {
        const requests = Array.from({ length: 7 }, (_, index) => request(index));
        const alone = engine.sampler({ slots: 1, maxLength: 40 });
        const together = engine.sampler({ slots: 3, maxLength: 33 });
        const batch = await Promise.all(requests.map((r) => together.sample(r)));
        for (const [index, r] of requests.entries()) expect(await alone.sample(r)).toEqual(batch[index]);
        alone.close();
        together.close();
      });

      test('draws what the float64 reference draws, with and without truncation', async () => {
        const reference = await createReferenceEngine(fixture.config, fixture.weights);
        const expected = reference.sampler({ slots: 4, maxLength: 40 });
        const sampler = engine.sampler({ slots: 4, maxLength: 40 });
        for (const options of [
          {},
          { temperature: 0.7 },
          { topK: 3 },
          { topP: 0.6 },
          { temperature: 1.5, topP: 0.9 },
        ]) {
          for (let index = 0; index < 3; index++) {
            const found = await sampler.sample(request(index, options));
            const wanted = await expected.sample(request(index, options));
            expect(found.tokens).toEqual(wanted.tokens);
            expect(largestError(found.logprobs, wanted.logprobs)).toBeLessThan(1e-3);
          }
        }
        sampler.close();
        await reference.close();
      });

      test('greedy takes the most likely token, with log-probability 0', async () => {
        const sampler = engine.sampler({ slots: 1, maxLength: 40 });
        const greedy = await sampler.sample(request(3, { temperature: 0, stopTokens: [], maxTokens: 4 }));
        expect(greedy.logprobs).toEqual([0, 0, 0, 0]);
        const { prompt } = request(3);
        for (const [i, token] of greedy.tokens.entries()) {
          const before = [...prompt, ...greedy.tokens.slice(0, i)];
          const every = Array.from({ length: fixture.config.vocabSize }, (_, id) => ({
            tokens: [...before, id],
            targets: [before.length],
          }));
          const logprobs = await engine.forward(packRows(every));
          expect(logprobs.indexOf(Math.max(...logprobs))).toBe(token);
        }
        sampler.close();
      });

      test('ends with a stop token, at maxTokens, and at maxLength', async () => {
        const sampler = engine.sampler({ slots: 2, maxLength: 10 });
        const free = await sampler.sample(request(1, { stopTokens: [], maxTokens: 5 }));
        expect(free.tokens).toHaveLength(5);
        const stopped = await sampler.sample(request(1, { stopTokens: [free.tokens[2]], maxTokens: 5 }));
        expect(stopped.tokens).toEqual(free.tokens.slice(0, free.tokens.indexOf(free.tokens[2]) + 1));
        const full = await sampler.sample(request(1, { stopTokens: [], maxTokens: 50 }));
        expect(full.tokens).toHaveLength(10 - request(1).prompt.length);
        const long = sampler.sample(request(1, { prompt: new Array<number>(10).fill(2) }));
        await expect(long).rejects.toThrow(ModelError);
        sampler.close();
      });

      test('an aborted sample rejects with the reason; the others go on', async () => {
        const sampler = engine.sampler({ slots: 2, maxLength: 60 });
        const controller = new AbortController();
        const long = { stopTokens: [], maxTokens: 40 };
        const kept = sampler.sample(request(0, long));
        const dropped = sampler.sample(request(1, { ...long, signal: controller.signal }));
        const queued = sampler.sample(request(2, { ...long, signal: controller.signal }));
        controller.abort(new Error('enough'));
        await expect(dropped).rejects.toThrow('enough');
        await expect(queued).rejects.toThrow('enough');
        expect((await kept).tokens).toHaveLength(40);
        sampler.close();
        await expect(sampler.sample(request(0))).rejects.toThrow(ModelError);
      });

      test('a sample uses the weights as they are when it starts', async () => {
        const sampler = engine.sampler({ slots: 1, maxLength: 40 });
        const before = await sampler.sample(request(2));
        const changed = new Map(fixture.weights);
        changed.set(
          'model.embed_tokens.weight',
          changed.get('model.embed_tokens.weight')?.map((w) => -w) as Float32Array,
        );
        await engine.setWeights(changed);
        expect(await sampler.sample(request(2))).not.toEqual(before);
        await engine.setWeights(fixture.weights);
        expect(await sampler.sample(request(2))).toEqual(before);
        sampler.close();
      });
    });
  });
}

async function resetOptimizer(engine: Engine, weights: Tensors): Promise<void> {
  const zeros = (): Tensors => new Map([...weights].map(([name, w]) => [name, new Float32Array(w.length)]));
  await engine.setOptimizer({ step: 0, m: zeros(), v: zeros() });
}

/** An update clears the gradient; a rate of 0 leaves the weights alone. */
async function zeroGradient(engine: Engine, fixture: PolicyFixture): Promise<void> {
  await engine.forward(fixture.rows);
  await engine.backward(new Float32Array(fixture.targetWeights.length));
  await engine.update({ ...adamW, learningRate: 0 });
}
