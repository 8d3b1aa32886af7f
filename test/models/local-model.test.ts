import { beforeAll, describe, expect, test } from '@jest/globals';
import type { PolicyFolder } from '../../src/checkpoint/folder.ts';
import { openPolicy } from '../../src/checkpoint/folder.ts';
import { readWeights } from '../../src/checkpoint/weight-files.ts';
import type { Sampler, SamplerOptions } from '../../src/engine/engine.ts';
import type { ReferenceEngine } from '../../src/engine/reference/engine.ts';
import { createReferenceEngine } from '../../src/engine/reference/engine.ts';
import { packRows } from '../../src/engine/rows.ts';
import { ModelError } from '../../src/errors.ts';
import { LocalModel } from '../../src/models/local-model.ts';
import { localModelConfig } from '../../src/models/local-model-config.ts';
import { fixturePath, largestError } from '../engine/fixtures.ts';

const messages = [
  { role: 'system', content: 'Answer.' },
  { role: 'user', content: 'Who sold 48 clips?' },
] as const;
const { signal } = new AbortController();

let policy: PolicyFolder;
let engine: ReferenceEngine;
beforeAll(async () => {
  policy = await openPolicy(fixturePath('made-words'));
  engine = await createReferenceEngine(policy.config, await readWeights(policy));
});

function model(settings: object = {}, runSeed = 1): LocalModel {
  const config = localModelConfig.parse({ maxTokens: 24, contextTokens: 128, ...settings });
  return new LocalModel(config, { engine, policy, runSeed, weightsHash: () => 'abcdef0123456789' });
}

describe('LocalModel', () => {
  test("samples are functions of the run's seed and the id, whatever else is asked", async () => {
    const alone = model();
    const together = model({ slots: 2 });
    const ids = ['q1/0/0', 'q1/1/0', 'q2/0/0'];
    const all = await Promise.all(ids.map((id) => together.complete({ messages, id, signal })));
    for (const [i, id] of ids.entries())
      expect(await alone.complete({ messages, id, signal })).toEqual(all[i]);
    expect(all[0].tokens).not.toEqual(all[1].tokens);
    expect(await model({}, 2).complete({ messages, id: ids[0], signal })).not.toEqual(all[0]);
    expect(alone.name).toBe('local:abcdef012345');
  });

  test('the trainer finds the recorded logprobs after the same rendering', async () => {
    const { text, tokens, logprobs } = await model().complete({ messages, id: 'q1/0/0', signal });
    const recorded = { role: 'assistant', content: text, tokens } as const;
    const { ids, spans } = policy.renderer.render([...messages, recorded]);
    const targets = Array.from({ length: spans[0].end - spans[0].start }, (_, i) => spans[0].start + i);
    expect(
      largestError(await engine.forward(packRows([{ tokens: ids, targets }])), logprobs ?? []),
    ).toBeLessThan(1e-5);
  });

  test('text is what the tokens say, without the end of turn', async () => {
    for (let i = 0; i < 20; i++) {
      const { text, tokens } = await model({ temperature: 1.5 }).complete({ messages, id: `q${i}`, signal });
      expect(text).toBe(policy.tokenizer.decode(tokens ?? []));
      expect(text).not.toContain('<end_of_turn>');
    }
  });

  test('a completion ends with a stop sequence, which stays in text and tokens', async () => {
    const free = await model({ temperature: 1.5 }).complete({ messages, id: 'q1', signal });
    const at = Math.floor(free.text.length / 2);
    const stop = free.text.slice(at, at + 3);
    const { text, tokens, logprobs } = await model({ temperature: 1.5, stop: ['never said', stop] }).complete(
      {
        ...{ messages, id: 'q1', signal },
      },
    );
    const count = tokens?.length ?? 0;
    expect(count).toBeLessThan(free.tokens?.length ?? 0);
    expect(tokens).toEqual(free.tokens?.slice(0, count));
    expect(logprobs).toEqual(free.logprobs?.slice(0, count));
    expect(text).toBe(policy.tokenizer.decode(tokens ?? []));
    expect(text).toContain(stop);
    expect(policy.tokenizer.decode(tokens?.slice(0, -1) ?? [])).not.toContain(stop);
    expect(() => localModelConfig.parse({ stop: [''] })).toThrow();
    expect(() => localModelConfig.parse({ stop: ['\ufffd'] })).toThrow(/no text/);
  });

  test('an action ends the completion: at its first complete tag outside thinking', async () => {
    const settings = { temperature: 1.5, maxTokens: 60 };
    const request = { messages, id: 'q1', signal };
    const { text } = await model(settings).complete(request);
    const [letter] = /[a-z]/.exec(text) ?? ['x'];
    // Tags that this policy happens to write cannot be counted on: a stop sequence stands in for them below.
    const acting = await model({ ...settings, stop: [letter] }).complete({ ...request, tools: [] });
    expect(acting.text.indexOf(letter)).toBeGreaterThanOrEqual(0);
    expect(acting.truncated).toBe(false);
    // The same sequence within thinking ends nothing.
    const first = text.slice(0, 1);
    const thinking = [{ open: first, close: 'never written' }];
    const free = await model({ ...settings, stop: [letter], thinking }).complete(request);
    expect(free.text).toBe(text);
  });

  test('what is cut at the largest number of tokens is told apart from what ends by itself', async () => {
    const request = { messages, id: 'q1', signal };
    const whole = await model({ maxTokens: 100 }).complete(request);
    const ended = policy.renderer.stopTokens.includes(whole.tokens?.at(-1) ?? -1);
    expect(whole.truncated).toBe(!ended);
    const cut = await model({ maxTokens: 1 }).complete(request);
    expect(cut.truncated).toBe(!policy.renderer.stopTokens.includes(cut.tokens?.[0] ?? -1));
  });

  test('turns of one conversation share what they have in common', async () => {
    const samplers: Sampler[] = [];
    const watched = {
      config: engine.config,
      sampler: (options: SamplerOptions) => {
        const sampler = engine.sampler(options);
        samplers.push(sampler);
        return sampler;
      },
    };
    const config = localModelConfig.parse({
      maxTokens: 8,
      contextTokens: 200,
      chunkTokens: 7,
      stepTokens: 9,
      slots: 2,
    });
    const deps = { engine: watched, policy, runSeed: 1, weightsHash: () => 'abc' };
    const local = new LocalModel(config, deps);
    const first = await local.complete({ messages, id: 'q1/0/0', signal });
    const next = [
      ...messages,
      { role: 'assistant', content: first.text, tokens: first.tokens },
      { role: 'user', content: 'Nobody.' },
    ] as const;
    const second = await local.complete({ messages: next, id: 'q1/0/1', signal });
    const shared =
      policy.renderer.render(messages, { open: true }).ids.length + (first.tokens?.length ?? 0) - 1;
    expect(samplers[0].statistics.reusedTokens).toBe(shared);
    expect(
      await model({ maxTokens: 8, contextTokens: 200 }).complete({ messages: next, id: 'q1/0/1', signal }),
    ).toEqual(second);
  });

  test('a conversation that fills the context is a ModelError, not to be retried', async () => {
    const content = 'clips '.repeat(130);
    const long = model().complete({ messages: [{ role: 'user', content }], id: 'q9/0/0', signal });
    await expect(long).rejects.toThrow(ModelError);
    await expect(long).rejects.toMatchObject({ retryable: false });
    await expect(long).rejects.toThrow(
      /q9\/0\/0: expected a conversation of fewer than 128 tokens, found \d+/,
    );
  });

  test('a completion stops where the context ends', async () => {
    const content = 'clips '.repeat(60);
    const { tokens } = await model({ maxTokens: 1000, temperature: 3 }).complete({
      messages: [{ role: 'user', content }],
      id: 'long',
      signal,
    });
    const prompt = policy.renderer.render([{ role: 'user', content }], { open: true }).ids.length;
    expect(prompt + (tokens?.length ?? 0)).toBeLessThanOrEqual(128);
  });

  test('an abort rejects with its reason', async () => {
    const reason = new Error('stopped');
    const aborted = model().complete({ messages, id: 'x', signal: AbortSignal.abort(reason) });
    await expect(aborted).rejects.toBe(reason);
  });
});
