import { describe, expect, test } from '@jest/globals';
import type { CompletionRequest, Judge, Scorable } from '../../src/agent/model.ts';
import { ConfigError, ModelError } from '../../src/errors.ts';
import { constantReward, constantRewardConfig } from '../../src/reward/constant-reward.ts';
import { judgeReward } from '../../src/reward/judge-reward.ts';
import { modelReward, modelRewardConfig, readReward } from '../../src/reward/model-reward.ts';
import { rulesReward, rulesRewardConfig } from '../../src/reward/rules-reward.ts';
import { verdictReward, verdictRewardConfig } from '../../src/reward/verdict-reward.ts';
import type { VerdictLabel } from '../../src/topics/records.generated.ts';
import { answer, secondStep } from '../records.ts';

const { signal } = new AbortController();

function scorable(label: VerdictLabel): Scorable {
  return {
    subTrajectory: secondStep({ answer: 'GOLD' }),
    verdict: { label, rationale: 'because', judge: 'j', votes: [] },
  };
}

test('constant', async () => {
  const reward = await constantReward(constantRewardConfig.parse({ value: 0.5 })).score(scorable('BAD'), {
    signal,
  });
  expect(reward).toEqual({ value: 0.5, rationale: '', model: 'constant', votes: [] });
  expect(constantRewardConfig.parse({}).value).toBe(1);
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(constantRewardConfig.safeParse({ value }).success).toBe(false);
  }
});

describe('verdict', () => {
  test('a number for each verdict', async () => {
    const model = verdictReward(verdictRewardConfig.parse({ bad: -1, unknown: 0.25 }));
    const values = [];
    for (const label of ['GOOD', 'BAD', 'UNKNOWN'] as const)
      values.push(await model.score(scorable(label), { signal }));
    expect(values).toEqual(
      [1, -1, 0.25].map((value) => ({ value, rationale: 'because', model: 'verdict', votes: [] })),
    );
  });

  test('by default none for UNKNOWN', async () => {
    const scoring = verdictReward(verdictRewardConfig.parse({})).score(scorable('UNKNOWN'), { signal });
    await expect(scoring).rejects.toThrow(ModelError);
    await expect(scoring).rejects.toThrow('found UNKNOWN by j: because');
  });
});

test('judge: asked again, whatever the verdict was, and with its own name and module', async () => {
  const by = { module: 'j.js', export: 'default', hash: 'ab', settings: '{}' };
  const judge: Judge = {
    name: 'mine',
    judge: async ({ action }) => ({
      ...{
        label: action.content === '5' ? 'GOOD' : 'UNKNOWN',
        rationale: 'so',
        judge: 'mine',
        votes: [],
        by,
      },
    }),
  };
  const model = judgeReward(verdictRewardConfig.parse({ good: 2 }), { judge });
  const step = scorable('BAD');
  expect(await model.score(step, { signal })).toEqual({
    ...{ value: 2, rationale: 'so', model: 'judge mine', votes: [], by },
  });
  const other = { ...step, subTrajectory: { ...step.subTrajectory, action: answer('6') } };
  await expect(model.score(other, { signal })).rejects.toThrow('found UNKNOWN by mine: so');
});

test('rules: what the rules say, whatever the verdict was', async () => {
  const rules: Judge = {
    name: 'rules',
    judge: async ({ action }) => ({
      label: action.content === '5' ? 'GOOD' : 'UNKNOWN',
      rationale: 'a rule',
      judge: 'rules',
      votes: [],
    }),
  };
  const model = rulesReward(rulesRewardConfig.parse({ good: 2 }), { rules });
  const step = scorable('BAD');
  expect(await model.score(step, { signal })).toEqual({
    value: 2,
    rationale: 'a rule',
    model: 'rules',
    votes: [],
  });
  const other = { ...step, subTrajectory: { ...step.subTrajectory, action: answer('6') } };
  await expect(model.score(other, { signal })).rejects.toThrow(ModelError);
});

describe('model', () => {
  const saying = (text: string, seen: CompletionRequest[] = []) => ({
    name: 'r',
    complete: async (request: CompletionRequest) => {
      seen.push(request);
      return { text, tokens: null, logprobs: null };
    },
    close: async () => {},
  });

  test.each([
    ['Sound.\nREWARD: 0.8', 0.8],
    ['The final reward is 0.', 0],
    ['REWARD: -0.5', -0.5],
    ['0.25', 0.25],
    ['REWARD: .5', 0.5],
  ])('%j is %d', async (reply, value) => {
    const config = modelRewardConfig.parse({ min: -1 });
    const reward = await modelReward(config, { model: saying(reply) }).score(scorable('GOOD'), { signal });
    expect(reward).toEqual({ value, rationale: reply, model: 'r', votes: [], by: null });
  });

  test.each([
    '',
    'no idea',
    'REWARD: N',
    'REWARD: NaN',
    'REWARD: Infinity',
    'REWARD: 1e3',
    'REWARD: 0.1 at first sight\n**Reward:** 1',
    'REWARD: 0.5 or 0.6',
    'REWARD: 0.5\nI am not sure.',
    'REWARD: 1.01',
    'REWARD: -0.01',
    `REWARD: ${'9'.repeat(400)}`,
  ])('%j is a ModelError, and no 0', async (reply) => {
    const scoring = modelReward(modelRewardConfig.parse({}), { model: saying(reply) }).score(
      scorable('GOOD'),
      { signal },
    );
    await expect(scoring).rejects.toThrow(ModelError);
    await expect(scoring).rejects.toThrow(
      'expected a last line REWARD: N with a number from 0 to 1, and no other, found',
    );
    expect(readReward(reply)).toBeNull();
  });

  test('of several votes the mean counts, if more than half have a number', async () => {
    const voting = (replies: readonly string[]) => ({
      ...saying(''),
      complete: async ({ id }: CompletionRequest) => ({
        text: replies[Number(/\/vote\/(\d+)$/.exec(id)?.[1] ?? 0)] ?? '',
        tokens: null,
        logprobs: null,
      }),
    });
    const score = (replies: readonly string[]) => {
      const config = modelRewardConfig.parse({ votes: replies.length });
      return modelReward(config, { model: voting(replies) }).score(scorable('GOOD'), { signal });
    };
    const reward = await score(['REWARD: 0.5', 'no idea', 'REWARD: 1']);
    expect(reward).toMatchObject({ value: 0.75, rationale: 'REWARD: 0.5' });
    expect(reward.votes.map(({ value }) => value)).toEqual([0.5, null, 1]);
    expect(reward.votes[1]?.rationale).toContain('no idea');
    await expect(score(['REWARD: 0.5', 'no idea'])).rejects.toThrow('2 votes without a majority of numbers');
  });

  test('JSON by schema', async () => {
    const seen: CompletionRequest[] = [];
    const model = saying('{"explanation": "REWARD: 1 it says", "reward": 0.25}', seen);
    const reward = await modelReward(modelRewardConfig.parse({}), { model, json: true }).score(
      scorable('GOOD'),
      { signal },
    );
    expect(reward.value).toBe(0.25);
    expect(seen[0]?.json?.schema).toMatchObject({ properties: { reward: { type: 'number' } } });
  });

  test('an empty range is refused', () => {
    const config = modelRewardConfig.parse({ min: 1, max: 1 });
    expect(() => modelReward(config, { model: saying('') })).toThrow(ConfigError);
  });

  test('is shown range, question, conversation and action, and neither gold answer nor verdict', async () => {
    const seen: CompletionRequest[] = [];
    const model = saying('REWARD: 2', seen);
    await modelReward(modelRewardConfig.parse({ min: -3, max: 7 }), { model }).score(scorable('BAD'), {
      signal,
    });
    expect(seen[0]?.id).toBe('reward/q1/0/1');
    const prompt = seen[0]?.messages[0]?.content ?? '';
    for (const text of ['from -3 (', 'to 7 (', 'What is 2 plus 3?', '2+3 -> 5', '<answer>5</answer>']) {
      expect(prompt).toContain(text);
    }
    expect(prompt).not.toMatch(/GOLD|because/);
  });
});
