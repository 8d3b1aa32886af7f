/** A policy's folder for programs: samples named by seed and id, scores as `swirl score` gives them. */
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { ConfigError, ModelError, openPolicy, type PolicySettings } from '../../src/index.ts';

const path = fileURLToPath(new URL('../fixtures/policy/made-words', import.meta.url));
const settings: PolicySettings = { device: 'reference', maxTokens: 8, contextTokens: 64, seed: 3 };
const texts = ['1 + 2', '3 + 4', 'what is it'];

describe('an opened policy', () => {
  test('samples are a function of seed, id and prompt; without an id each is another one', async () => {
    const sampled = async (seed: number) => {
      await using policy = await openPolicy(path, { ...settings, seed });
      const named = await Promise.all(texts.map((text) => policy.sample(text, { id: 'mine' })));
      const counted = [await policy.sample('1 + 2'), await policy.sample('1 + 2')];
      const conversation = await policy.sample([{ role: 'user', content: '1 + 2' }], { id: 'mine' });
      return { named, counted, conversation };
    };
    const [first, second, other] = [await sampled(3), await sampled(3), await sampled(4)];
    expect(second).toEqual(first);
    expect(other.named).not.toEqual(first.named);
    expect(first.conversation).toEqual(first.named[0]);
    expect(first.counted[1]).not.toEqual(first.counted[0]);
    expect(first.named[0]?.logprobs).toHaveLength(first.named[0]?.tokens?.length ?? -1);
  });

  test('scores what it sampled with the log-probabilities of the sample, also while it samples', async () => {
    await using policy = await openPolicy(path, { ...settings, temperature: 1 });
    const samples = await Promise.all(texts.map((text) => policy.sample(text, { id: text })));
    const again = Promise.all(texts.map((text) => policy.sample(text, { id: text })));
    const score = async (n: number) => {
      const messages = [{ role: 'user' as const, content: texts[n] as string }];
      const context = (await policy.score({ messages, completion: 'x' })).context;
      return policy.score({ context, ids: [...(samples[n]?.tokens ?? [])] });
    };
    const scores = await Promise.all(texts.map((_, n) => score(n)));
    for (const [n, { logprobs }] of scores.entries()) {
      const sampled = samples[n]?.logprobs ?? [];
      expect(logprobs).toHaveLength(sampled.length);
      logprobs.forEach((logprob, i) => {
        expect(logprob).toBeCloseTo(sampled[i] ?? Number.NaN, 5);
      });
    }
    expect(await again).toEqual(samples);
  });

  test('says who it is, and what is wrong', async () => {
    const policy = await openPolicy(path, settings);
    expect([policy.name, policy.device]).toEqual([
      expect.stringMatching(/^local:[0-9a-f]{12}$/),
      'reference (float64)',
    ]);
    await expect(policy.sample('1 + 2 '.repeat(200))).rejects.toThrow(ModelError);
    await expect(policy.score({ nonsense: 1 } as never)).rejects.toThrow(ConfigError);
    await policy.close();
    await expect(openPolicy('nowhere')).rejects.toThrow("expected a policy's folder");
    await expect(openPolicy(path, { temperature: -1 })).rejects.toThrow('temperature');
    await expect(openPolicy(path, { nonsense: 1 } as never)).rejects.toThrow('nonsense');
  });
});
