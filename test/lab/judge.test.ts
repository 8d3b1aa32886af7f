import { beforeAll, describe, expect, test } from '@jest/globals';
import { noToolObservation, parseAction } from '../../src/agent/action.ts';
import type { Judge } from '../../src/agent/model.ts';
import { writtenAction } from '../../src/agent/written-action.ts';
import { DataError } from '../../src/errors.ts';
import { type Derivation, withDerivation } from '../../src/lab/derivation.ts';
import { makeLabJudge } from '../../src/lab/judge.ts';
import { labTools } from '../../src/lab/task-settings.ts';
import type { Action, Observation, Question, Step } from '../../src/topics/records.generated.ts';
import { signal } from './settings.ts';

let judge: Judge;
beforeAll(async () => {
  judge = await makeLabJudge();
});

const tools = Object.values(labTools);

function act(text: string): Action {
  const { kind, tool, content } = parseAction(text, tools);
  return writtenAction({ text, kind, tool, content, policy: 'p' });
}

/** A history of actions with the results that they got; null: the note that no tool was used. */
function history(...steps: readonly (readonly [string, string | null])[]): Step[] {
  return steps.map(([text, result]) => {
    const action = act(text);
    const parsed = parseAction(text, tools);
    const observation: Observation =
      result === null && parsed.kind === 'NONE'
        ? noToolObservation(parsed)
        : { tool: action.tool, status: 'OK', text: result ?? '' };
    return { action, observation };
  });
}

async function label(derivation: Derivation, context: readonly Step[], text: string): Promise<string> {
  const question: Question = {
    id: 'q',
    task: 't',
    text: 'q',
    answer: null,
    answers: [],
    source: null,
    meta: withDerivation(derivation),
  };
  const step = { id: 'q/0/0', trajectory: 'q/0', index: context.length, count: context.length + 1, question };
  return (await judge.judge({ ...step, context: [...context], action: act(text) }, { signal })).label;
}

const search = (name: string) => `<search_query>${name}</search_query>`;
const math = (expression: string) => `<math_exp>${expression}</math_exp>`;
const answer = (text: string) => `<answer>${text}</answer>`;
const ada = [search('Ada Abel'), 'Ada Abel age 47 home Port Alda employer Astra Mills'] as const;
const city = [search('Port Alda'), 'Port Alda region Dovia mayor Hugo Hahn'] as const;

describe('the judge of searches', () => {
  const mayor: Derivation = { kind: 'chain', entity: 'Ada Abel', relations: ['home', 'mayor'] };

  test.each([
    ['the entity that is asked about', [], search('Ada Abel'), 'GOOD'],
    ['in other case, with reasoning', [], `first ${search('  ada  abel ')}`, 'GOOD'],
    ['somebody else', [], search('Bram Abel'), 'BAD'],
    ['the next entity, before it is known', [], search('Port Alda'), 'BAD'],
    ['the next entity', [ada], search('Port Alda'), 'GOOD'],
    ['the same again', [ada], search('Ada Abel'), 'BAD'],
    ['anything, once all is known', [ada, city], search('Hugo Hahn'), 'BAD'],
    ['an answer by guessing, even the right one', [ada], answer('Hugo Hahn'), 'BAD'],
    ['the answer that follows', [ada, city], answer('Hugo Hahn'), 'GOOD'],
    ['another answer', [ada, city], answer('Dovia'), 'BAD'],
    ['two tags: the first counts', [ada, city], answer('Hugo Hahn') + search('Port Alda'), 'GOOD'],
    ['two tags: a wrong one first', [ada, city], search('Port Alda') + answer('Hugo Hahn'), 'BAD'],
    ['no tag', [], 'Hugo Hahn', 'BAD'],
    ['the calculator', [], math('1 + 1'), 'BAD'],
    ['after a slip, the same query', [['<search_query>Ada Abel', null]], search('Ada Abel'), 'GOOD'],
  ] as const)('%s', async (_, before, text, expected) => {
    expect(await label(mayor, history(...before), text)).toBe(expected);
  });

  test('comparisons need both articles, in any order', async () => {
    const older: Derivation = { kind: 'compare', entities: ['Ada Abel', 'Bram Lund'], relation: 'age' };
    const bram = [search('Bram Lund'), 'Bram Lund age 50 home Port Alda employer Astra Mills'] as const;
    expect(await label(older, [], search('Bram Lund'))).toBe('GOOD');
    expect(await label(older, history(bram), search('Ada Abel'))).toBe('GOOD');
    expect(await label(older, history(bram), answer('Bram Lund'))).toBe('BAD');
    expect(await label(older, history(ada, bram), answer('Bram Lund'))).toBe('GOOD');
    expect(await label(older, history(ada, bram), answer('Ada Abel'))).toBe('BAD');
  });

  test('a policy cannot write its own evidence', async () => {
    const forged = history([
      `Ada Abel age 47 home Port Alda employer Astra Mills ${search('x')}`,
      'No article was found.',
    ]);
    expect(await label(mayor, forged, search('Port Alda'))).toBe('BAD');
  });
});

describe('the judge of word problems', () => {
  const bags: Derivation = {
    kind: 'compute',
    start: 4,
    operations: [
      { operator: '*', operand: 12 },
      { operator: '-', operand: 7 },
    ],
  };
  const first = [math('4 * 12'), '48'] as const;

  test.each([
    ['the first operation', [], math('4 * 12'), 'GOOD'],
    ['the other way round', [], math('12*4'), 'GOOD'],
    ['both at once', [], math('(4 * 12) - 7'), 'GOOD'],
    ['another operator', [], math('4 + 12'), 'BAD'],
    ['the right number from other numbers', [], math('50 - 2'), 'BAD'],
    ['the second operation first', [], math('12 - 7'), 'BAD'],
    ['a way round the question', [], math('4 * 12 * 1'), 'BAD'],
    ['something that is no arithmetic', [], math('9^9^9^9'), 'BAD'],
    ['division by zero', [], math('4 / 0'), 'BAD'],
    ['in the head', [], answer('41'), 'BAD'],
    ['the second operation', [first], math('48 - 7'), 'GOOD'],
    ['the first again', [first], math('4 * 12'), 'BAD'],
    ['too early an answer', [first], answer('48'), 'BAD'],
    ['the answer', [first, [math('48 - 7'), '41']], answer('41'), 'GOOD'],
    ['the answer misread', [first, [math('48 - 7'), '41']], answer('14'), 'BAD'],
    ['more calculating', [first, [math('48 - 7'), '41']], math('41 - 7'), 'BAD'],
    ['the way back after a wrong one', [[math('4 + 12'), '16']], math('4 * 12'), 'GOOD'],
    ['on from a wrong one', [[math('4 + 12'), '16']], math('16 - 7'), 'BAD'],
    ['a search', [], search('bags'), 'BAD'],
  ] as const)('%s', async (_, before, text, expected) => {
    expect(await label(bags, history(...before), text)).toBe(expected);
  });
});

test('a question from elsewhere is refused, by name', async () => {
  const question: Question = {
    id: 'q9',
    task: 't',
    text: 'q',
    answer: null,
    answers: [],
    source: null,
    meta: {},
  };
  const step = {
    id: 'q9/0/0',
    trajectory: 'q9/0',
    index: 0,
    count: 1,
    question,
    context: [],
    action: act('x'),
  };
  await expect(judge.judge(step, { signal })).rejects.toThrow(DataError);
  await expect(judge.judge(step, { signal })).rejects.toThrow('q9');
  const broken = { ...step, question: { ...question, meta: { derivation: '{"kind":"chain"}' } } };
  await expect(judge.judge(broken, { signal })).rejects.toThrow(DataError);
});
