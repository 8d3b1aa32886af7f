import { afterEach, describe, expect, test } from '@jest/globals';
import type { CompletionRequest, Judge } from '../../src/agent/model.ts';
import { EndpointError, isFatal, ModelError } from '../../src/errors.ts';
import { judgePrompt, modelJudge, modelJudgeConfig, readVerdict } from '../../src/judge/model-judge.ts';
import { openaiModel } from '../../src/models/openai.ts';
import { openaiConfig } from '../../src/models/openai-config.ts';
import type { FaultServer, Reply } from '../models/fault-server.ts';
import { startFaultServer } from '../models/fault-server.ts';
import { secondStep } from '../records.ts';

const subTrajectory = secondStep({ answer: 'GOLD' });
const { signal } = new AbortController();

let server: FaultServer | null = null;
afterEach(async () => {
  await server?.close();
  server = null;
});

async function judgeBehind(reply: Reply, settings: object = {}): Promise<Judge> {
  server = await startFaultServer(() => reply);
  const config = openaiConfig.parse({ baseUrl: server.url, model: 'j' });
  const model = await openaiModel(config, { runSeed: 0, env: {} });
  return modelJudge(modelJudgeConfig.parse(settings), { model });
}

describe('the verdict is what the reply ends with', () => {
  test.each([
    ['It follows from the result.\nVERDICT: GOOD', 'GOOD'],
    ['It does not follow.\nVERDICT: BAD', 'BAD'],
    ['One might say VERDICT: GOOD, but no.\n**VERDICT: BAD**', 'UNKNOWN'],
    ['### Final verdict: `BAD`\n```', 'BAD'],
    ['BAD is too hard a word.\nGood.', 'GOOD'],
    ['VERDICT: NOT GOOD', 'BAD'],
    ['VERDICT: NOT BAD', 'UNKNOWN'],
    ['VERDICT: GOOD\nVERDICT: GOOD or BAD', 'UNKNOWN'],
    ['VERDICT: GOOD, with doubts', 'UNKNOWN'],
    ['VERDICT: GOOD\nOr is it?', 'UNKNOWN'],
    ['This is a GOOD step.', 'UNKNOWN'],
    ['', 'UNKNOWN'],
  ])('%j is %s', async (reply, label) => {
    const judge = await judgeBehind(reply);
    const verdict = await judge.judge(subTrajectory, { signal });
    expect(verdict).toMatchObject({ label, judge: 'j' });
    expect(verdict.rationale).toContain(reply);
    if (label === 'UNKNOWN')
      expect(verdict.rationale).toContain('does not end with VERDICT: GOOD or VERDICT: BAD');
    expect(readVerdict(reply)).toBe(label === 'UNKNOWN' ? null : label);
  });

  test('a reply that was cut off has none: it may have gone on', async () => {
    const body = (text: string) =>
      JSON.stringify({ choices: [{ finish_reason: 'length', message: { content: text } }] });
    const judge = await judgeBehind({ kind: 'raw', body: body('VERDICT: GOOD') });
    const { label, rationale } = await judge.judge(subTrajectory, { signal });
    expect(label).toBe('UNKNOWN');
    expect(rationale).toContain('cut off at maxTokens');
  });

  test('long explanations are cut', async () => {
    const judge = await judgeBehind(`${'because '.repeat(10_000)}\nVERDICT: GOOD`, {
      maxRationaleChars: 200,
    });
    const { label, rationale } = await judge.judge(subTrajectory, { signal });
    expect(label).toBe('GOOD');
    expect(rationale.length).toBeLessThan(260);
    expect(rationale).toMatch(/^because .*left out.*VERDICT: GOOD$/s);
  });
});

describe('what cannot be had is UNKNOWN or thrown on, never BAD', () => {
  test.each<[Reply, string]>([
    [{ kind: 'status', status: 400 }, 'status 400'],
    [{ kind: 'status', status: 403 }, 'status 403'],
    [{ kind: 'huge', bytes: 5_000_000 }, 'maxResponseBytes'],
  ])('%j is UNKNOWN', async (reply, message) => {
    const verdict = await (await judgeBehind(reply)).judge(subTrajectory, { signal });
    expect(verdict.label).toBe('UNKNOWN');
    expect(verdict.rationale).toContain(message);
  });

  test.each<Reply>([
    { kind: 'status', status: 429, headers: { 'retry-after': '2' } },
    { kind: 'status', status: 500 },
    { kind: 'html' },
    { kind: 'half-json' },
    { kind: 'reset' },
  ])('%j is thrown on', async (reply) => {
    const judging = (await judgeBehind(reply)).judge(subTrajectory, { signal });
    await expect(judging).rejects.toThrow(ModelError);
    await expect(judging).rejects.toMatchObject({ retryable: true });
  });

  test.each([401, 402, 404])(
    'status %d, which every step would meet, is thrown on and fatal',
    async (status) => {
      const error = await (await judgeBehind({ kind: 'status', status }))
        .judge(subTrajectory, { signal })
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(EndpointError);
      expect(isFatal(error)).toBe(true);
    },
  );

  test('an abort is neither', async () => {
    const judge = await judgeBehind({ kind: 'hang' });
    const judging = judge.judge(subTrajectory, { signal: AbortSignal.abort(new Error('stop')) });
    await expect(judging).rejects.toThrow('stop');
  });

  test('defects are not taken for verdicts', async () => {
    const model = {
      name: 'm',
      complete: () => Promise.reject(new TypeError('defect')),
      close: async () => {},
    };
    const judging = modelJudge(modelJudgeConfig.parse({}), { model }).judge(subTrajectory, { signal });
    await expect(judging).rejects.toThrow(TypeError);
  });
});

describe('several votes', () => {
  /** The judge that replies with one of these each time, by the completion's name. */
  function voting(replies: readonly string[], seen: CompletionRequest[] = []) {
    const model = {
      name: 'm',
      complete: async (request: CompletionRequest) => {
        const vote = Number(/\/vote\/(\d+)$/.exec(request.id)?.[1] ?? 0);
        seen.push(request);
        if (replies[vote] === 'refused') throw new ModelError('refused to say');
        return { text: replies[vote] ?? '', tokens: null, logprobs: null };
      },
      close: async () => {},
    };
    return modelJudge(modelJudgeConfig.parse({ votes: replies.length }), { model });
  }
  const [good, bad] = ['new.\nVERDICT: GOOD', 'old.\nVERDICT: BAD'];

  test.each([
    [[good, good, bad], 'GOOD', good],
    [[bad, good, bad], 'BAD', bad],
    [[good, bad], 'UNKNOWN', 'No majority of 2 votes: 1 GOOD, 1 BAD, 0 UNKNOWN'],
    [[good, 'none', bad], 'UNKNOWN', 'No majority of 3 votes: 1 GOOD, 1 BAD, 1 UNKNOWN'],
    [['none', good, good], 'GOOD', good],
    [['none', 'none', good], 'UNKNOWN', 'No majority of 3 votes: 1 GOOD, 0 BAD, 2 UNKNOWN'],
    [['refused', good, good, good], 'GOOD', good],
  ])('%j are %s', async (replies, label, rationale) => {
    const seen: CompletionRequest[] = [];
    const verdict = await voting(replies, seen).judge(subTrajectory, { signal });
    expect(verdict).toMatchObject({ label, rationale });
    expect(verdict.votes.map((vote) => vote.label)).toEqual(
      replies.map((reply) => (reply === good ? 'GOOD' : reply === bad ? 'BAD' : 'UNKNOWN')),
    );
    verdict.votes.forEach((vote, i) => {
      expect(vote.rationale).toContain(replies[i] === 'refused' ? 'refused to say' : replies[i]);
    });
    // Names differ, so that seeds do; the first is that of a single vote.
    expect(new Set(seen.map(({ id }) => id)).size).toBe(replies.length);
    expect(seen[0]?.id).toBe('judge/q1/0/1');
  });

  test('a vote that may be had later is thrown on', async () => {
    const model = {
      name: 'm',
      complete: () => Promise.reject(new ModelError('busy', { retryable: true })),
      close: async () => {},
    };
    const judging = modelJudge(modelJudgeConfig.parse({ votes: 3 }), { model }).judge(subTrajectory, {
      signal,
    });
    await expect(judging).rejects.toMatchObject({ retryable: true });
  });
});

test('JSON by schema: the endpoint is held to it, and the verdict is read from it', async () => {
  server = await startFaultServer(() => '{"explanation": "It claims VERDICT: GOOD.", "verdict": "BAD"}');
  const config = openaiConfig.parse({ baseUrl: server.url, model: 'j' });
  const model = await openaiModel(config, { runSeed: 0, env: {} });
  const judge = modelJudge(modelJudgeConfig.parse({}), { model, json: true });
  expect(await judge.judge(subTrajectory, { signal })).toMatchObject({ label: 'BAD' });
  const body = server.requests[0]?.body;
  expect(body?.response_format).toMatchObject({
    type: 'json_schema',
    json_schema: {
      name: 'verdict',
      strict: true,
      schema: { properties: { verdict: { enum: ['GOOD', 'BAD'] } } },
    },
  });
  expect(body?.messages[0]?.content).toMatch(/as one JSON object of this schema.*"verdict"/);
  await modelJudge(modelJudgeConfig.parse({}), { model }).judge(subTrajectory, { signal });
  expect(server.requests[1]?.body).not.toHaveProperty('response_format');
});

test('the judge is shown question, conversation and action, and not the gold answer', async () => {
  const seen: CompletionRequest[] = [];
  const model = {
    name: 'm',
    complete: async (request: CompletionRequest) => {
      seen.push(request);
      return { text: 'VERDICT: GOOD', tokens: null, logprobs: null };
    },
    close: async () => {},
  };
  await modelJudge(modelJudgeConfig.parse({}), { model }).judge(subTrajectory, { signal });
  expect(seen).toHaveLength(1);
  expect(seen[0]).toMatchObject({ id: 'judge/q1/0/1', messages: [{ role: 'user' }] });
  const prompt = seen[0]?.messages[0]?.content ?? '';
  expect(prompt).toBe(judgePrompt(subTrajectory, 60_000));
  const order = [
    'What is 2 plus 3?',
    '<math_exp>2+3</math_exp>',
    '2+3 -> 5',
    '<answer>5</answer>',
    'VERDICT: GOOD',
  ];
  const places = order.map((text) => prompt.indexOf(text));
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(places[0]).toBeGreaterThan(0);
  expect(prompt).not.toContain('GOLD');
});
