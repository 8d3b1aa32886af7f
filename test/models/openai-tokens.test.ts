/**
 * Token ids and logprobs of an endpoint, recorded as they are: a server that gives them as vLLM does, over a
 * real policy.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseAction } from '../../src/agent/action.ts';
import type { Completion, Message } from '../../src/agent/model.ts';
import { openPolicy, type PolicyFolder } from '../../src/checkpoint/folder.ts';
import { openEngine } from '../../src/checkpoint/open-engine.ts';
import type { Engine, Sampler } from '../../src/engine/engine.ts';
import { packRows } from '../../src/engine/rows.ts';
import { ModelError } from '../../src/errors.ts';
import { openaiModel } from '../../src/models/openai.ts';
import { openaiConfig } from '../../src/models/openai-config.ts';
import type { Scored } from '../../src/topics/records.generated.ts';
import { updateConfig } from '../../src/train/config.ts';
import { OptimizerStep } from '../../src/train/optimizer-step.ts';
import { question } from '../records.ts';

const bundled = fileURLToPath(new URL('../../assets/base-policy', import.meta.url));
const tools = [{ name: 'calculator', tag: 'math_exp' }];
const instructions = 'Answer.';
const { signal } = new AbortController();

interface Asked {
  readonly messages: readonly Message[];
  readonly temperature: number;
  readonly top_p?: number;
  readonly max_tokens: number;
  readonly seed: number;
  readonly return_token_ids?: boolean;
}

let policy: PolicyFolder;
let engine: Engine;
let sampler: Sampler;
let server: Server;
/** What the server changes of what it says, by test. */
let spoil: (body: { choices: Record<string, unknown>[]; prompt_token_ids: number[] }) => void = () => {};

beforeAll(async () => {
  policy = await openPolicy(bundled);
  engine = await openEngine(policy, { device: 'reference' });
  sampler = engine.sampler({ slots: 8, maxLength: 200 });
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const asked = JSON.parse(Buffer.concat(chunks).toString()) as Asked;
    const prompt = policy.renderer.render(asked.messages, { open: true }).ids;
    const { temperature, top_p: topP = 1, max_tokens: maxTokens } = asked;
    const stopTokens = policy.renderer.stopTokens;
    const request64 = { prompt, temperature, topP, topK: 0, maxTokens, stopTokens, seed: BigInt(asked.seed) };
    const { tokens } = await sampler.sample(request64);
    // vLLM's logprobs are of the logits as they are, whatever the temperature.
    const row = { tokens: [...prompt, ...tokens], targets: tokens.map((_, i) => prompt.length + i) };
    const raw = [...(await engine.forward(packRows([row])))];
    const body = {
      prompt_token_ids: prompt,
      choices: [
        {
          message: { role: 'assistant', content: policy.tokenizer.decode(tokens) },
          finish_reason: stopTokens.includes(tokens[tokens.length - 1]) ? 'stop' : 'length',
          token_ids: tokens,
          logprobs: { content: raw.map((logprob) => ({ logprob })) },
        } as Record<string, unknown>,
      ],
    };
    spoil(body);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  sampler.close();
  await engine.close();
});

async function complete(id: string, settings: object = {}): Promise<Completion> {
  const { port } = server.address() as AddressInfo;
  const config = openaiConfig.parse({
    ...{ baseUrl: `http://127.0.0.1:${port}/v1`, model: 'm', maxTokens: 24, seed: true },
    ...{ recordTokens: { policy: bundled }, ...settings },
  });
  const model = await openaiModel(config, { runSeed: 5, env: {} });
  return model.complete({ messages: messagesOf(id), id, signal, tools });
}

const questionOf = (id: string) => question({ id, task: 'math', text: `What is 48 / 2 of ${id}?` });
const messagesOf = (id: string): Message[] => [
  { role: 'system', content: instructions },
  { role: 'user', content: questionOf(id).text },
];

/** As records have it: without the reason of a NONE. */
function actionOf(text: string) {
  const { kind, tool, content } = parseAction(text, tools);
  return { kind, tool, content };
}

function scored(id: string, { text, tokens, logprobs, temperature }: Completion): Scored {
  const action = {
    ...{ text, ...actionOf(text), policy: 'm', truncated: false },
    ...{
      tokens: [...(tokens ?? [])],
      logprobs: [...(logprobs ?? [])],
      reasoning: null,
      temperature: temperature ?? null,
    },
  };
  const subTrajectory = {
    ...{ id: `${id}/0/0`, trajectory: `${id}/0`, index: 0, count: 1, question: questionOf(id), context: [] },
    action,
  };
  const verdict = { label: 'GOOD' as const, rationale: '', judge: 'rules', votes: [] };
  return {
    id: subTrajectory.id,
    subTrajectory,
    verdict,
    reward: { value: 1, rationale: '', model: 'r', votes: [] },
  };
}

describe('recordTokens', () => {
  test.each([{ temperature: 0.5 }, { temperature: 1 }, { temperature: 1.3 }, { temperature: 1, topP: 0.9 }])(
    'the trainer computes what the endpoint recorded: mean ratio 1 at %j',
    async (settings) => {
      const ids = Array.from({ length: 6 }, (_, i) => `q${i}`);
      const steps = await Promise.all(ids.map(async (id) => scored(id, await complete(id, settings))));
      const step = new OptimizerStep(updateConfig.parse({ clipRatio: { kind: 'clipped' } }), {
        ...{ engine, renderer: policy.renderer, tasks: new Map([['math', { instructions }]]) },
      });
      const weights = await engine.weights();
      const { statistics, refused } = await step.packAndTake(steps);
      await engine.setWeights(weights);
      expect(refused).toEqual([]);
      expect(Math.abs((statistics?.meanRatio ?? 0) - 1)).toBeLessThan(1e-4);
    },
  );

  test('tokens end with the action, as a local sample does', async () => {
    for (let i = 0; i < 8; i++) {
      const { text, tokens } = await complete(`a${i}`, { maxTokens: 80 });
      if (parseAction(text, tools).kind === 'NONE') continue;
      const ids = tokens ?? [];
      expect(parseAction(policy.tokenizer.decode(ids), tools)).toEqual(parseAction(text, tools));
      expect(parseAction(policy.tokenizer.decode(ids.slice(0, -1)), tools).kind).toBe('NONE');
      return;
    }
    throw new Error('the bundled policy wrote no action in eight tries');
  });

  test.each<[string, typeof spoil, RegExp]>([
    [
      'no ids',
      ({ choices: [choice] }) => delete choice.token_ids,
      /expected token ids with a logprob for each/,
    ],
    [
      'a logprob too few',
      ({ choices: [choice] }) => Object.assign(choice, { logprobs: { content: [] } }),
      /no logprobs|0 logprobs/,
    ],
    [
      'ids of another text',
      ({ choices: [choice] }) =>
        Object.assign(choice, { token_ids: (choice.token_ids as number[]).map(() => 70) }),
      /the endpoint has another tokenizer/,
    ],
    [
      'ids beyond the vocabulary',
      ({ choices: [choice] }) => (choice.token_ids as number[]).fill(9_999_999),
      /the id 9999999/,
    ],
    [
      'another prompt',
      (body) => body.prompt_token_ids.splice(2, 1),
      /other from id \d+ on.*recordTokens\.checkPrompt/s,
    ],
  ])('%s: an error that is not retried', async (_, change, message) => {
    spoil = change;
    try {
      const failed = complete('s');
      await expect(failed).rejects.toThrow(ModelError);
      await expect(failed).rejects.toThrow(message);
      await expect(failed).rejects.toMatchObject({ retryable: false });
    } finally {
      spoil = () => {};
    }
  });

  test('a prompt that is written otherwise passes where it is not to be compared', async () => {
    spoil = ({ prompt_token_ids: ids }) => ids.splice(2, 1);
    const { tokens } = await complete('s', { recordTokens: { policy: bundled, checkPrompt: false } });
    spoil = () => {};
    expect(tokens?.length).toBeGreaterThan(0);
  });
});
