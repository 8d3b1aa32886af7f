/** Functions and definitions in a program, where a topology would name a module. */
import { describe, expect, test } from '@jest/globals';
import { from, lastValueFrom, type Observable, of, toArray } from 'rxjs';
import { z } from 'zod';
import {
  ConfigError,
  defineJudge,
  defineReward,
  defineTool,
  type JudgeCall,
  judge,
  type LanguageModel,
  reward,
  rollout,
} from '../../../src/index.ts';
import { call, judged, question, secondStep } from '../../records.ts';

const collect = <T>(source: Observable<T>) => lastValueFrom(source.pipe(toArray()));
const step = secondStep();
const accepted = { ...judged(step), correct: null };

/** A policy that calls a tool with each argument in turn, and then answers. */
function calling(tag: string, ...written: readonly string[]): LanguageModel {
  return {
    name: 'scripted',
    complete: async ({ id }) => {
      const argument = written[Number(id.split('/').at(-1))];
      const text = argument === undefined ? '<answer>done</answer>' : `<${tag}>${argument}</${tag}>`;
      return { text, tokens: null, logprobs: null };
    },
    close: async () => {},
  };
}

const shown = async (options: Omit<Parameters<typeof rollout>[0], 'tasks'>) => {
  const tasks = { math: { tools: Object.keys(options.tools ?? {}), maxSteps: 5, instructions: '' } };
  const asked = question({ task: 'math' });
  const [trajectory] = await collect(of(asked).pipe(rollout({ rollouts: 1, ...options, tasks })));
  return trajectory?.steps.flatMap(({ observation }) => observation ?? []);
};

describe('a judge', () => {
  test('may be a function', async () => {
    const [found] = await collect(of(step).pipe(judge(({ action }) => action.text.length > 3)));
    expect(found?.verdict).toEqual({ label: 'GOOD', rationale: '', judge: 'judge', votes: [], by: null });
  });

  test('or a definition, made once for the subscription and closed with it', async () => {
    const calls: string[] = [];
    const strict = defineJudge({
      settings: z.strictObject({ least: z.int().default(1000) }),
      make: ({ least }, { seed }) => ({
        call: (({ action }) => (action.text.length < least ? 'BAD' : 'GOOD')) satisfies JudgeCall,
        close: () => void calls.push(`closed ${seed} ${least}`),
      }),
    });
    const labels = async (choice: Parameters<typeof judge>[0]) => {
      const found = await collect(from([step, step]).pipe(judge(choice, { seed: 4 })));
      return found.map(({ verdict }) => verdict.label);
    };
    expect(await labels(strict)).toEqual(['BAD', 'BAD']);
    expect(await labels({ module: strict, settings: { least: 2 } })).toEqual(['GOOD', 'GOOD']);
    expect(calls).toEqual(['closed 4 1000', 'closed 4 2']);
    await expect(labels({ module: strict, settings: { least: 'few' } })).rejects.toThrow(ConfigError);
    await expect(labels({ module: strict, settings: { lest: 2 } })).rejects.toThrow(/judge: .*lest/);
  });

  test('what is no judge, and what is said beside one, are told by name', async () => {
    const given = defineReward({ make: () => () => 1 });
    const wrong = collect(of(step).pipe(judge(given as never)));
    await expect(wrong).rejects.toThrow('expected a judge, found a definition of the part `reward`');
    expect(() => judge({ module: () => true, timeoutMs: 0 })).toThrow(/judge cannot be made: `timeoutMs`/);
  });

  test('one that gives nonsense is a failure that names it', async () => {
    const failures: string[] = [];
    const operator = judge((() => 'MAYBE') as never, {
      retry: { attempts: 1 },
      onFailure: ({ message }) => failures.push(message),
    });
    const [found] = await collect(of(step).pipe(operator));
    expect(found?.verdict.label).toBe('UNKNOWN');
    expect(failures).toEqual([expect.stringMatching(/^judge gave .* no verdict: .*found "MAYBE"/)]);
  });
});

describe('a reward', () => {
  test('may be a function or a definition', async () => {
    const half = defineReward({ make: () => () => ({ value: 0.5, rationale: 'half' }) });
    const [one] = await collect(of(accepted).pipe(reward(() => 1)));
    const [other] = await collect(of(accepted).pipe(reward(half)));
    expect([one?.reward.value, other?.reward.value, other?.reward.rationale]).toEqual([1, 0.5, 'half']);
  });
});

describe('a tool', () => {
  const letters = defineTool({
    description: 'Counts a letter.',
    settings: z.strictObject({ letter: z.string() }),
    make:
      ({ letter }) =>
      (word) =>
        String([...word].filter((found) => found === letter).length),
  });

  test('may be a function, with its name as its tag', async () => {
    const tools = { shout: (word: string) => word.toUpperCase() };
    expect(await shown({ policy: calling('shout', 'ha'), tools })).toMatchObject([
      { tool: 'shout', status: 'OK', text: 'HA', by: null },
    ]);
  });

  test('or a definition with settings and a tag, beside tools of a topology', async () => {
    const tools = {
      letters: { module: letters, tag: 'count', settings: { letter: 'r' } },
      calculator: { kind: 'calculator' as const },
    };
    const found = await shown({ policy: calling('count', 'strawberry'), tools });
    expect(found).toMatchObject([{ tool: 'letters', status: 'OK', text: '3' }]);
    const sums = await shown({ policy: calling('math_exp', '2+3'), tools });
    expect(sums).toMatchObject([{ tool: 'calculator', status: 'OK', text: '5' }]);
    await expect(shown({ policy: calling('count', 'x'), tools: { letters } })).rejects.toThrow(/letter/);
  });

  test('the rules ask a pure one again', async () => {
    let calls = 0;
    const sum = () => {
      calls++;
      return '5';
    };
    const tools = { calculator: { module: sum, tag: 'math_exp', pure: true } };
    const called = { ...step, index: 0, count: 1, context: [], action: call('2+3') };
    const [found] = await collect(of(called).pipe(judge({ kind: 'rules' }, { tools })));
    expect(found?.verdict.judge).toBe('rules');
    expect(calls).toBe(1);
  });
});
