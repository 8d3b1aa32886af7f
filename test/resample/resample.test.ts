import { describe, expect, test } from '@jest/globals';
import { from, lastValueFrom, toArray } from 'rxjs';
import type { CompletionRequest, LanguageModel, Task } from '../../src/agent/model.ts';
import { ContextError, ModelError } from '../../src/errors.ts';
import { resample } from '../../src/resample/resample.ts';
import { rollout } from '../../src/rollout/rollout.ts';
import type { Emission } from '../../src/runtime/stage.ts';
import type { Accepted } from '../../src/topics/records.generated.ts';
import { deliveries, judged, secondStep } from '../records.ts';

const math: Task = { name: 'math', instructions: 'Use the calculator.', tools: ['calculator'], maxSteps: 3 };
const tasks = new Map([['math', math]]);
const tools = [
  { name: 'calculator', tag: 'math_exp' },
  { name: 'search', tag: 'search_query' },
];
const retry = { attempts: 3, backoffMs: 10, maxBackoffMs: 1000 };
const sleep = async () => {};

const accepted: Accepted = { ...judged(secondStep()), correct: true, by: null };

/** Answers with what the request's name ends with. */
function policy(seen: CompletionRequest[], fails: (request: CompletionRequest) => Error | null = () => null) {
  const model: LanguageModel = {
    name: 'scripted',
    complete: async (request) => {
      seen.push(request);
      const error = fails(request);
      if (error !== null) throw error;
      const text = `<answer>${request.id.slice(-1)}</answer>`;
      return { text, tokens: [7, 8], logprobs: [-0.1, -0.25], temperature: 0.5, model: 'scripted@3' };
    },
    close: async () => {},
  };
  return model;
}

async function emitted(model: LanguageModel, actions = 3): Promise<Emission[]> {
  const operator = resample({ actions }, { policy: model, tasks, tools, retry, sleep });
  const finished = await lastValueFrom(from(deliveries([accepted], 'accepted')).pipe(operator, toArray()));
  return finished.flatMap(({ outputs }) => outputs);
}

describe('resample', () => {
  test('fresh actions at the context, named after the step, adjacent, under the key of the trajectory', async () => {
    const outputs = await emitted(policy([]));
    expect(outputs.map(({ topic, key, value }) => [topic, key, value.id])).toEqual(
      [0, 1, 2].map((n) => ['accepted', 'q1/0', `q1/0/1~${n}`]),
    );
    const { subTrajectory: recorded } = accepted;
    outputs.forEach(({ value }, n) => {
      const { subTrajectory, verdict, correct } = value as Accepted;
      const { action, ...rest } = subTrajectory;
      const { action: _, ...context } = recorded;
      expect(rest).toEqual({ ...context, id: `q1/0/1~${n}` });
      expect(action).toMatchObject({ kind: 'ANSWER', content: String(n), tokens: [7, 8], temperature: 0.5 });
      expect(action).toMatchObject({ policy: 'scripted@3', logprobs: [-0.1, -0.25].map(Math.fround) });
      expect([verdict.label, verdict.judge, correct]).toEqual(['UNKNOWN', 'none', null]);
    });
  });

  test('the policy is shown what a rollout would show it there', async () => {
    const seen: CompletionRequest[] = [];
    await emitted(policy(seen));
    const { question, context: steps } = accepted.subTrajectory;
    const turn = { id: 'q1/0/1', trajectory: 'q1/0', question, steps };
    const operator = rollout({ policy: policy(seen), tasks, tools, retry, sleep });
    await lastValueFrom(from(deliveries([turn], 'turns')).pipe(operator, toArray()));
    const shown = seen.map(({ messages, tools: offered }) => ({ messages, offered }));
    expect(shown).toHaveLength(4);
    for (const one of shown) expect(one).toEqual(shown[3]);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(4);
  });

  test('all or none: where one cannot be drawn the step is a failure, and what may pass is tried again', async () => {
    let left = 2;
    const seen: CompletionRequest[] = [];
    const passing = await emitted(
      policy(seen, ({ id }) =>
        id.endsWith('~1') && left-- > 0 ? new ModelError('busy', { retryable: true }) : null,
      ),
    );
    expect(passing.map(({ value }) => value.id)).toEqual(['q1/0/1~0', 'q1/0/1~1', 'q1/0/1~2']);
    // What was drawn is not asked for again.
    expect(seen.map(({ id }) => id.slice(-1)).sort()).toEqual(['0', '1', '1', '1', '2']);
    const failed = await emitted(
      policy([], ({ id }) => (id.endsWith('~2') ? new ContextError('too long') : null)),
    );
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatchObject({
      topic: 'failures',
      value: { stage: 'resample', record: 'q1/0/1', error: 'ContextError', message: 'too long' },
    });
  });
});
