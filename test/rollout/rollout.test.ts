import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { from, lastValueFrom, toArray } from 'rxjs';
import type { CompletionRequest, LanguageModel, Task } from '../../src/agent/model.ts';
import type { Tool } from '../../src/agent/tool.ts';
import { ContextError, ModelError } from '../../src/errors.ts';
import { rollout } from '../../src/rollout/rollout.ts';
import { start } from '../../src/rollout/start.ts';
import type { Emission } from '../../src/runtime/stage.ts';
import { tools } from '../../src/tools/tools.ts';
import type { ToolsConfig } from '../../src/tools/tools-config.ts';
import type { Question, ToolCall, Turn } from '../../src/topics/records.generated.ts';
import { pause } from '../patience.ts';
import { call, deliveries, question, step } from '../records.ts';

const math: Task = { name: 'math', instructions: 'Use the calculator.', tools: ['calculator'], maxSteps: 3 };
const tasks = new Map([['math', math]]);
const tags = [
  { name: 'calculator', tag: 'math_exp' },
  { name: 'search', tag: 'search_query' },
];
const retry = { attempts: 3, backoffMs: 10, maxBackoffMs: 1000 };

/** A policy that says the same to everything, or throws. */
function policy(reply: string | (() => string), seen: CompletionRequest[] = []): LanguageModel {
  return {
    name: 'scripted',
    complete: async (request) => {
      seen.push(request);
      return { text: typeof reply === 'string' ? reply : reply(), tokens: [7, 8], logprobs: [-0.5, -0.25] };
    },
    close: async () => {},
  };
}

function turn(steps = 0): Turn {
  const history = Array.from({ length: steps }, (_, i) => step(call(`${i}+1`), String(i + 1)));
  return { id: `q1/2/${steps}`, trajectory: 'q1/2', question: question(), steps: history };
}

async function emitted(
  model: LanguageModel,
  turns: readonly Turn[],
  pauses: number[] = [],
): Promise<Emission[]> {
  const sleep = async (ms: number) => {
    pauses.push(ms);
  };
  const operator = rollout({ policy: model, tasks, tools: tags, retry, sleep });
  const finished = await lastValueFrom(from(deliveries(turns, 'turns')).pipe(operator, toArray()));
  return finished.flatMap(({ outputs }) => outputs);
}

describe('start', () => {
  test('each question becomes its rollouts, named after it; a question that fits no task is a failure', async () => {
    const operator = start({ rollouts: 3 }, { tasks, retry, sleep: async () => {} });
    const questions: Question[] = [
      question(),
      question({ id: 'q2', task: 'cooking' }),
      question({ id: 'a/b' }),
    ];
    const finished = await lastValueFrom(from(deliveries(questions)).pipe(operator, toArray()));
    const [first, second, third] = finished.map(({ outputs }) => outputs) as [
      Emission[],
      Emission[],
      Emission[],
    ];
    expect(first.map(({ key, value }) => [key, value.id])).toEqual(
      [0, 1, 2].map((i) => [`q1/${i}`, `q1/${i}/0`]),
    );
    for (const [output] of [second, third]) expect(output?.topic).toBe('failures');
    expect(second[0]?.value).toMatchObject({
      stage: 'start',
      record: 'q2',
      error: 'DataError',
      retryable: false,
    });
  });
});

describe('rollout', () => {
  test('a tool call waits for its tool, with its turn and the tokens that were sampled', async () => {
    const seen: CompletionRequest[] = [];
    const [output] = await emitted(policy('so <math_exp>2+3</math_exp>', seen), [turn()]);
    expect(output).toMatchObject({
      topic: 'tool-calls',
      key: 'q1/2',
      value: {
        id: 'q1/2/0',
        turn: turn(),
        action: { kind: 'TOOL_CALL', tool: 'calculator', content: '2+3', tokens: [7, 8], policy: 'scripted' },
      },
    });
    expect(seen[0]?.id).toBe('q1/2/0');
    expect(JSON.stringify(seen[0]?.messages)).not.toContain('"5"');
  });

  test('an answer ends the trajectory', async () => {
    const [output] = await emitted(policy('<answer>5</answer>'), [turn(1)]);
    expect(output).toMatchObject({
      topic: 'trajectories',
      value: { id: 'q1/2', end: 'ANSWERED', answer: '5' },
    });
    expect(output?.topic === 'trajectories' && output.value.steps).toHaveLength(2);
  });

  test('neither call nor answer: the context records that no tool was used, and the rollout goes on', async () => {
    for (const text of ['I wonder.', '<think><answer>1</answer></think>', '<search_query>x</search_query>']) {
      const [output] = await emitted(policy(text), [turn()]);
      expect(output).toMatchObject({
        topic: 'turns',
        value: {
          id: 'q1/2/1',
          steps: [{ action: { kind: 'NONE', text }, observation: { status: 'NO_TOOL' } }],
        },
      });
      expect(JSON.stringify(output)).toContain(
        'Write a call between <math_exp> and </math_exp>; or your answer',
      );
    }
  });

  test('a task without instructions has a policy that knows the tags', async () => {
    const bare = new Map([['math', { ...math, instructions: '' }]]);
    const operator = rollout({
      policy: policy('I wonder.'),
      tasks: bare,
      tools: tags,
      retry,
      sleep: async () => {},
    });
    const [finished] = await lastValueFrom(from(deliveries([turn()], 'turns')).pipe(operator, toArray()));
    expect(JSON.stringify(finished?.outputs)).toContain(
      '"text":"No tool was used: the message has no tool call and no answer."',
    );
  });

  test('thinking is kept, and is not acting', async () => {
    const text = '<think>is it <answer>5</answer>?</think><math_exp>2+3</math_exp>';
    const [output] = await emitted(policy(text), [turn()]);
    expect(output).toMatchObject({ topic: 'tool-calls', value: { action: { text, content: '2+3' } } });
    const apart = { text: '<answer>5</answer>', reasoning: '2+3', tokens: null, logprobs: null };
    const thinks = { ...policy(''), complete: async () => apart };
    const [answered] = await emitted(thinks, [turn()]);
    expect(answered).toMatchObject({
      topic: 'trajectories',
      value: { answer: '5', steps: [{ action: { text: '<answer>5</answer>', reasoning: '2+3' } }] },
    });
    const marks = { ...policy('[T]<answer>5</answer>[/T]'), thinking: [{ open: '[T]', close: '[/T]' }] };
    expect((await emitted(marks, [turn()]))[0].topic).toBe('turns');
  });

  test('a message that was cut off is recorded so, and the policy is told', async () => {
    const cut = { text: '<math_exp>1+', truncated: true, tokens: null, logprobs: null };
    const [output] = await emitted({ ...policy(''), complete: async () => cut }, [turn()]);
    const observation = {
      tool: null,
      status: 'NO_TOOL',
      text: expect.stringMatching(
        /^No tool was used: the message was too long and was cut off\. Write a call /,
      ),
    };
    expect(output).toMatchObject({
      topic: 'turns',
      value: { steps: [{ action: { kind: 'NONE', truncated: true }, observation }] },
    });
  });

  test('a conversation that outgrows the context ends its trajectory; a question that does is a failure', async () => {
    const full = policy(() => {
      throw new ContextError('expected fewer than 8 tokens, found 9');
    });
    const [output, ...others] = await emitted(full, [turn(1)]);
    expect(others).toEqual([]);
    expect(output).toMatchObject({ topic: 'trajectories', value: { end: 'OUT_OF_CONTEXT', answer: null } });
    expect(output?.topic === 'trajectories' && output.value.steps).toEqual(turn(1).steps);
    expect(await emitted(full, [turn()])).toMatchObject([
      { topic: 'failures', value: { error: 'ContextError', retryable: false } },
    ]);
  });

  test('ends at the largest number of steps, whatever the last action is', async () => {
    for (const text of ['<math_exp>1+1</math_exp>', 'hm']) {
      const [output] = await emitted(policy(text), [turn(2)]);
      expect(output).toMatchObject({ topic: 'trajectories', value: { end: 'OUT_OF_STEPS', answer: null } });
    }
  });

  test('retries what may pass, with backoff and Retry-After, and makes a failure of what does not', async () => {
    let calls = 0;
    const flaky = policy(() => {
      calls++;
      if (calls === 1) throw new ModelError('busy', { retryable: true, retryAfterMs: 700 });
      if (calls === 2) throw new ModelError('down', { retryable: true });
      return '<answer>5</answer>';
    });
    const pauses: number[] = [];
    expect((await emitted(flaky, [turn()], pauses))[0]?.topic).toBe('trajectories');
    expect(pauses).toEqual([700, 20]);

    const dead = policy(() => {
      throw new ModelError('refused', { retryable: true });
    });
    const [failure] = await emitted(dead, [turn()]);
    expect(failure).toMatchObject({
      topic: 'failures',
      value: { record: 'q1/2/0', attempts: 3, message: 'refused' },
    });

    const wrong = policy(() => {
      throw new ModelError('no such model');
    });
    expect((await emitted(wrong, [turn()]))[0]?.value).toMatchObject({ attempts: 1, retryable: false });
  });

  test('a defect is not a failure record: it stops the stream', async () => {
    const broken = policy(() => {
      throw new TypeError('undefined is not a function');
    });
    await expect(emitted(broken, [turn()])).rejects.toThrow(TypeError);
  });
});

describe('tools', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  const config: ToolsConfig = { timeoutMs: 50, maxObservationChars: 20 };

  async function observed(tool: Tool, content = '2+3'): Promise<Emission[]> {
    const input: ToolCall = { id: 'q1/2/0', turn: turn(), action: call(content) };
    const operator = tools(config, { tools: [tool], retry, sleep: async () => {} });
    const finished = await lastValueFrom(from(deliveries([input])).pipe(operator, toArray()));
    return finished.flatMap(({ outputs }) => outputs);
  }

  const tool = (respond: Tool['call']): Tool => ({
    name: 'calculator',
    tag: 'math_exp',
    call: respond,
    close: async () => {},
  });

  test('the observation becomes the context of the next turn', async () => {
    const [output] = await observed(tool(async () => ({ tool: 'calculator', status: 'OK', text: '5' })));
    expect(output).toMatchObject({
      topic: 'turns',
      key: 'q1/2',
      value: { id: 'q1/2/1', steps: [{ observation: { text: '5' } }] },
    });
  });

  test('a tool that hangs is given up, and the policy is told', async () => {
    const deaf = await observed(tool(() => new Promise(() => {})));
    const polite = await observed(
      tool(
        (_, { signal }) =>
          new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      ),
    );
    for (const [output] of [deaf, polite]) {
      expect(output).toMatchObject({
        topic: 'turns',
        value: { steps: [{ observation: { status: 'TIMED_OUT' } }] },
      });
    }
  });

  test('a tool has no more calls at once than it allows, all partitions together; waiting is not its time', async () => {
    // A clock that the test moves: the last two of eight calls wait three times as long as the tool takes.
    jest.useFakeTimers();
    let [running, most] = [0, 0];
    const slow: Tool = {
      ...tool(async () => {
        running += 1;
        most = Math.max(most, running);
        await pause(40);
        running -= 1;
        return { tool: 'calculator', status: 'OK', text: 'done' };
      }),
      concurrency: 2,
    };
    const operator = tools(config, { tools: [slow], retry, sleep: async () => {} });
    const calls = Array.from(
      { length: 4 },
      (_, i): ToolCall => ({ id: `q${i}/0/0`, turn: turn(), action: call('1') }),
    );
    const partitions = [0, 1].map(() => lastValueFrom(from(deliveries(calls)).pipe(operator, toArray())));
    await jest.advanceTimersByTimeAsync(4 * 40);
    const finished = (await Promise.all(partitions)).flat();
    expect(most).toBe(2);
    const texts = finished.map(({ outputs }) => JSON.stringify(outputs));
    expect(texts.filter((text) => text.includes('"text":"done"'))).toHaveLength(8);
  });

  test('a long observation is cut and says so; an unknown tool is a failure', async () => {
    const [output] = await observed(
      tool(async () => ({ tool: 'calculator', status: 'OK', text: 'x'.repeat(50) })),
    );
    expect(JSON.stringify(output)).toContain('[cut: 30 more characters]');
    const [failure] = await observed({
      ...tool(async () => ({ tool: null, status: 'OK', text: '' })),
      name: 'other',
    });
    expect(failure).toMatchObject({ topic: 'failures', value: { error: 'DataError' } });
  });
});
