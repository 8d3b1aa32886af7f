/**
 * What a sampler must do beyond the engine's contract: prompts in chunks, caches in rings, prefixes used
 * again, and none of it to be seen in a sample. Run on the reference and on WebGPU.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { DecoderConfig } from '../../src/engine/config.ts';
import type { Engine, Sample, SampleRequest, SamplerOptions, Tensors } from '../../src/engine/engine.ts';
import { gemma2Decoder } from '../../src/engine/families.ts';
import { packRows } from '../../src/engine/rows.ts';
import { cacheRows } from '../../src/engine/sampling/cache-slots.ts';
import { normal } from '../../src/random.ts';
import { filledWeights } from './filled-weights.ts';
import { largestError } from './fixtures.ts';

/** Windows of 7 on layers 0 and 2; nothing is a multiple of a tile. */
const config = gemma2Decoder({
  ...{
    vocabSize: 61,
    hiddenSize: 20,
    intermediateSize: 28,
    layers: 3,
    heads: 4,
    keyValueHeads: 2,
    headSize: 8,
  },
  ...{ maxPositions: 160, window: 7, attentionCap: 5, logitCap: 8 },
});

const weights = (scale: number): Tensors =>
  filledWeights(config, ({ tensor, index }) => scale * normal(BigInt(tensor), index));

/** Tokens that are always the same for the same seed. */
const text = (seed: number, length: number) =>
  Array.from({ length }, (_, i) => (seed * 7919 + i * i * 31 + i * 17) % config.vocabSize);

const request = (
  prompt: readonly number[],
  seed: number,
  rest: Partial<SampleRequest> = {},
): SampleRequest => ({
  ...{ prompt, maxTokens: 9, temperature: 1, topP: 1, topK: 0, stopTokens: [3], seed: BigInt(seed) << 20n },
  ...rest,
});

export function samplerContract(
  name: string,
  create: (config: DecoderConfig, weights: Tensors) => Promise<Engine>,
): void {
  describe(`${name}: sampler contract`, () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await create(config, weights(0.3));
    });
    afterAll(() => engine.close());

    /** One after the other, each in an empty cache and its prompt in one piece. */
    const alone = async (requests: readonly SampleRequest[]): Promise<Sample[]> => {
      const sampler = engine.sampler({ slots: 1, maxLength: 160, chunk: 160, stepTokens: 160, reuse: false });
      const samples: Sample[] = [];
      for (const r of requests) samples.push(await sampler.sample(r));
      expect(sampler.statistics.reusedTokens).toBe(0);
      sampler.close();
      return samples;
    };

    /** Three turns, in which each prompt is what came before and an observation. */
    const conversation = async (options: Partial<SamplerOptions>, count: number) => {
      const sampler = engine.sampler({ slots: 4, maxLength: 160, ...options });
      const turns = async (who: number) => {
        const samples: Sample[] = [];
        let prompt = [...text(1, 12), ...text(who, 20)];
        for (let turn = 0; turn < 3; turn++) {
          const sample = await sampler.sample(request(prompt, 10 * who + turn));
          samples.push(sample);
          prompt = [...prompt, ...sample.tokens, ...text(100 + 10 * who + turn, 11)];
        }
        return samples;
      };
      const samples = await Promise.all(Array.from({ length: count }, (_, who) => turns(who)));
      sampler.close();
      return { samples, statistics: sampler.statistics };
    };

    test('turns of a trajectory are the same with and without reuse of what they share', async () => {
      const without = await conversation({ reuse: false }, 6);
      expect(without.statistics.reusedTokens).toBe(0);
      for (const options of [{}, { chunk: 5 }, { slots: 6, chunk: 8, stepTokens: 20 }]) {
        const found = await conversation(options, 6);
        expect(found.samples).toEqual(without.samples);
        expect(found.statistics.promptTokens).toBe(without.statistics.promptTokens);
      }
    });

    test('a slot for each trajectory: of a later turn only the observation and one token are fed', async () => {
      const { samples, statistics } = await conversation({ slots: 3, chunk: 4 }, 3);
      let [prompts, fresh] = [0, 0];
      for (const turns of samples) {
        let length = 32;
        fresh += 32;
        for (const [turn, { tokens }] of turns.entries()) {
          prompts += length;
          length += tokens.length + 11;
          if (turn > 0) fresh += 1 + 11;
        }
      }
      expect(statistics.promptTokens).toBe(prompts);
      expect(statistics.reusedTokens).toBe(prompts - fresh);
      expect(statistics.sampledTokens).toBe(
        samples.flat().reduce((sum, { tokens }) => sum + tokens.length, 0),
      );
    });

    test('rollouts of one question: its tokens are fed once and copied, and no sample is another for it', async () => {
      const prompt = text(1, 50);
      const requests = [
        ...Array.from({ length: 6 }, (_, i) => request(prompt, i)),
        // The same instructions, and another question.
        ...[7, 8].map((i) => request([...prompt.slice(0, 30), ...text(i, 12)], i)),
      ];
      const expected = await alone(requests);
      for (const limits of [{ chunk: 64 }, { chunk: 7, stepTokens: 20 }]) {
        const sampler = engine.sampler({ slots: 8, maxLength: 100, ...limits });
        expect(await Promise.all(requests.map((each) => sampler.sample(each)))).toEqual(expected);
        expect(sampler.statistics.copiedTokens).toBeGreaterThanOrEqual(5 * 49);
        sampler.close();
      }
    });

    test('a sample depends on nothing but its request: slots, chunks, arrivals, what came before', async () => {
      const requests = Array.from({ length: 24 }, (_, i) => {
        const prompt = [...text(1, i % 5 === 0 ? 0 : 9 * (i % 5)), ...text(i % 4, 1 + ((i * 13) % 40))];
        return request(prompt, i, { maxTokens: 1 + (i % 9), topK: i % 3 === 0 ? 5 : 0 });
      });
      const expected = await alone(requests);
      const limits = fc.record({
        slots: fc.integer({ min: 1, max: 7 }),
        chunk: fc.integer({ min: 1, max: 40 }),
        stepTokens: fc.integer({ min: 1, max: 60 }),
        reuse: fc.boolean(),
      });
      const order = fc.array(fc.record({ index: fc.nat(requests.length - 1), wait: fc.boolean() }), {
        minLength: 1,
        maxLength: 12,
      });
      await fc.assert(
        fc.asyncProperty(limits, order, async (options, arrivals) => {
          const sampler = engine.sampler({ maxLength: 100, ...options });
          const found: Promise<Sample>[] = [];
          for (const { index, wait } of arrivals) {
            const sample = sampler.sample(requests[index]);
            found.push(sample);
            if (wait) await sample;
          }
          const samples = await Promise.all(found);
          sampler.close();
          expect(samples).toEqual(arrivals.map(({ index }) => expected[index]));
        }),
        { numRuns: 25 },
      );
    });

    test('rings wrap, and decoding agrees with the forward pass', async () => {
      const limits = { maxLength: 150, chunk: 3 };
      expect(config.windows.map((_, layer) => cacheRows(config, layer, limits))).toEqual([10, 150, 10]);
      const sampler = engine.sampler({ slots: 2, ...limits });
      const prompts = [text(5, 41), text(6, 9)];
      const long = { stopTokens: [], maxTokens: 100 };
      const samples = await Promise.all(prompts.map((prompt, i) => sampler.sample(request(prompt, i, long))));
      sampler.close();
      const rows = samples.map(({ tokens }, i) => ({
        tokens: [...prompts[i], ...tokens],
        targets: tokens.map((_, k) => prompts[i].length + k),
      }));
      const logprobs = await engine.forward(packRows(rows));
      expect(
        largestError(
          samples.flatMap((sample) => sample.logprobs),
          logprobs,
        ),
      ).toBeLessThan(1e-4);
    });

    test('what was computed with other weights is not used again', async () => {
      const sampler = engine.sampler({ slots: 1, maxLength: 100 });
      const first = request(text(8, 30), 1);
      const before = await sampler.sample(first);
      await engine.setWeights(weights(0.35));
      const [expected] = await alone([first]);
      const { reusedTokens } = sampler.statistics;
      expect(await sampler.sample(first)).toEqual(expected);
      expect(sampler.statistics.reusedTokens).toBe(reusedTokens);
      expect(expected).not.toEqual(before);
      expect(await sampler.sample(first)).toEqual(expected);
      expect(sampler.statistics.reusedTokens).toBe(reusedTokens + 29);
      await engine.setWeights(weights(0.3));
      expect(await sampler.sample(first)).toEqual(before);
      sampler.close();
    });

    test('what an aborted sample left is used again, and rightly', async () => {
      const next = request(text(9, 60), 2);
      const [expected] = await alone([next]);
      const sampler = engine.sampler({ slots: 1, maxLength: 100, chunk: 2 });
      for (const ticks of [0, 3, 9]) {
        const controller = new AbortController();
        const dropped = sampler.sample({ ...next, signal: controller.signal });
        const settled = dropped.catch((reason: unknown) => reason);
        const { steps } = sampler.statistics;
        while (sampler.statistics.steps < steps + ticks)
          await new Promise((resolve) => setImmediate(resolve));
        controller.abort('enough');
        expect(await settled).toBe('enough');
      }
      const { reusedTokens } = sampler.statistics;
      expect(await sampler.sample(next)).toEqual(expected);
      expect(sampler.statistics.reusedTokens).toBeGreaterThan(reusedTokens);
      sampler.close();
    });

    test('`stop` sees every token and ends the sample, its last token included', async () => {
      const sampler = engine.sampler({ slots: 2, maxLength: 100 });
      const free = await sampler.sample(request(text(2, 5), 4, { stopTokens: [] }));
      const seen: number[][] = [];
      const stop = (tokens: readonly number[]) => seen.push([...tokens]) === 4;
      const stopped = await sampler.sample(request(text(2, 5), 4, { stopTokens: [], stop }));
      expect(stopped.tokens).toEqual(free.tokens.slice(0, 4));
      expect(stopped.logprobs).toEqual(free.logprobs.slice(0, 4));
      expect(seen).toEqual([1, 2, 3, 4].map((count) => free.tokens.slice(0, count)));
      sampler.close();
    });

    test('64 at once, twice over: the same to the bit', async () => {
      const requests = Array.from({ length: 80 }, (_, i) => request(text(i, 1 + (i % 30)), i));
      const draw = async () => {
        const sampler = engine.sampler({ slots: 64, maxLength: 60, chunk: 16, stepTokens: 100 });
        const samples = await Promise.all(requests.map((r) => sampler.sample(r)));
        sampler.close();
        return samples;
      };
      const once = await draw();
      expect(await draw()).toEqual(once);
      expect(await alone([requests[0], requests[63], requests[79]])).toEqual([once[0], once[63], once[79]]);
    });
  });
}
