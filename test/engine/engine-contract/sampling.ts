/** What every engine must do when it samples; part of `engineContract`. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Engine, SampleRequest } from '../../../src/engine/engine.ts';
import { createReferenceEngine } from '../../../src/engine/reference/engine.ts';
import { packRows } from '../../../src/engine/rows.ts';
import { ModelError } from '../../../src/errors.ts';
import type { PolicyFixture } from '../fixtures.ts';
import { fixtureNames, largestError, loadFixture } from '../fixtures.ts';
import type { EngineFactory } from './factory.ts';
import { withEngine } from './factory.ts';

export function samplingContract(create: EngineFactory): void {
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

    test('sampler and trainer agree on logprobs', async () => {
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

    test.each(fixtureNames)('decoding with the cache equals the full forward, %s', async (name) => {
      const { config, weights } = await loadFixture(name);
      await withEngine(create(config, weights), async (other) => {
        const sampler = other.sampler({ slots: 3, maxLength: 40 });
        const requests = [1, 2, 3].map((index) =>
          request(index, { prompt: [index, 20, 3, 30], maxTokens: 30 }),
        );
        const samples = await Promise.all(requests.map((one) => sampler.sample({ ...one, stopTokens: [] })));
        const rows = packRows(
          samples.map(({ tokens }, index) => ({
            tokens: [...requests[index].prompt, ...tokens],
            targets: tokens.map((_, i) => 4 + i),
          })),
        );
        const sampled = samples.flatMap(({ logprobs }) => logprobs);
        expect(sampled).toHaveLength(90);
        expect(largestError(sampled, await other.forward(rows))).toBeLessThan(1e-4);
        sampler.close();
      });
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

    test('greedy takes the most likely token, with logprob 0', async () => {
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
}
