import { afterEach, describe, expect, test } from '@jest/globals';
import type { CompletionRequest, Judge } from '../../src/agent/model.ts';
import { ModelError } from '../../src/errors.ts';
import { judgePrompt, modelJudge, modelJudgeConfig, readVerdict } from '../../src/judge/model-judge.ts';
import { openaiModel } from '../../src/models/openai.ts';
import { openaiConfig } from '../../src/models/openai-config.ts';
import type { SubTrajectory } from '../../src/topics/records.generated.ts';
import type { FaultServer, Reply } from '../models/fault-server.ts';
import { startFaultServer } from '../models/fault-server.ts';
import { answer, call, question, step } from '../records.ts';

const subTrajectory: SubTrajectory = {
  id: 'q1/0/1',
  trajectory: 'q1/0',
  index: 1,
  count: 2,
  question: question({ answer: 'GOLD' }),
  context: [step(call('2+3'), '5')],
  action: answer('5'),
};
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
    ['One might say VERDICT: GOOD, but no.\n**VERDICT: BAD**', 'BAD'],
    ['BAD is too hard a word.\nGood.', 'GOOD'],
    ['VERDICT: NOT GOOD', 'UNKNOWN'],
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
    [{ kind: 'status', status: 401 }, 'status 401'],
    [{ kind: 'status', status: 404 }, 'status 404'],
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
