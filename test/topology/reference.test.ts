/** The reference is derived from the definition, and questions are checked against a topology. */
import { describe, expect, test } from '@jest/globals';
import { DataError } from '../../src/errors.ts';
import type { Question } from '../../src/topics/records.generated.ts';
import { RULES } from '../../src/topology/lint.ts';
import { fittingQuestions, questionsFit } from '../../src/topology/questions-fit.ts';
import { keyReference, referenceMarkdown, topologyJsonSchema } from '../../src/topology/reference.ts';
import { SLOTS } from '../../src/topology/slots.ts';
import { examine } from './sample.ts';

describe('the reference', () => {
  const keys = new Map(keyReference().map((key) => [key.path, key]));

  test('has type, default and meaning of a key', () => {
    expect(keys.get('stages.filter.mode')).toMatchObject({
      type: 'none, process, outcome, process+outcome',
      default: '"process"',
      about: expect.stringContaining('gold answer'),
    });
    expect(keys.get('stages.start.rollouts')).toMatchObject({
      type: 'whole number >= 1, <= 10000',
      default: '5',
    });
    expect(keys.get('tasks.<name>.tools')?.type).toBe('list of text');
    expect(keys.get('policy.checkpoint (local)')?.default).toBe('"swirl:assets/base-policy"');
  });

  test('every key has a meaning', () => {
    const silent = [...keys.values()].filter(
      ({ about, type, path }) => about === '' && type !== 'keys' && !/\.kind$|<name>/.test(path),
    );
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  test('names every rule', () => {
    const text = referenceMarkdown();
    for (const { name } of RULES) expect(text).toContain(`| \`${name}\` |`);
  });

  test('names every kind of part', () => {
    const text = referenceMarkdown();
    expect(text).toContain('| `tools.<name>` | `module` | A tool of one');
    expect(text).toContain('| `stages.<name>` | `module` |');
    for (const { name } of SLOTS.flatMap(({ kinds }) => kinds)) expect(text).toContain(`\` | \`${name}\` |`);
  });

  test('the JSON Schema refuses unknown keys too', () => {
    expect(topologyJsonSchema()).toMatchObject({ type: 'object', additionalProperties: false });
  });
});

describe('questions and a topology', () => {
  const question = (change: Partial<Question>): Question => ({
    id: 'q',
    task: 'sums',
    text: 'How many?',
    answer: '3',
    answers: [],
    source: 'own.jsonl:1',
    meta: {},
    ...change,
  });
  const fitOf = async (set: string[], ...changes: Partial<Question>[]) => {
    const { topology } = examine({ set });
    if (topology === null) throw new Error('expected a topology');
    return questionsFit(
      topology,
      (async function* () {
        for (const change of changes) yield question(change);
      })(),
    );
  };

  test('an outcome filter needs gold answers; a process filter does not', async () => {
    const bare = { answer: null, source: 'own.jsonl:2' };
    expect(await fitOf(['stages.filter.mode=process'], {}, bare)).toEqual({
      questions: 2,
      unfit: 0,
      examples: [],
    });
    for (const mode of ['outcome', 'process+outcome']) {
      const found = await fitOf([`stages.filter.mode=${mode}`], {}, bare);
      expect(found).toMatchObject({ questions: 2, unfit: 1 });
      expect(found.examples[0]).toContain(
        `own.jsonl:2: expected a gold answer, found none: the filter's mode is \`${mode}\``,
      );
    }
  });

  test('the task must be defined', async () => {
    const found = await fitOf([], { task: 'sum' }, { task: 'history', source: null });
    expect(found.examples).toEqual([
      'own.jsonl:1: the task "sum" is not under `tasks`; did you mean `sums`?',
      'q: the task "history" is not under `tasks`; defined are: sums',
    ]);
  });

  test('those that fit are let through; the others are left out and told, or end the feed', async () => {
    const { topology } = examine({ set: ['stages.filter.mode=outcome'] });
    if (topology === null) throw new Error('expected a topology');
    const questions = async function* () {
      yield question({ id: 'a' });
      yield question({ id: 'b', answer: null });
      yield question({ id: 'c' });
    };
    const skipped: string[] = [];
    const ids: string[] = [];
    for await (const { id } of fittingQuestions(topology, questions(), (error) =>
      skipped.push(error.message),
    )) {
      ids.push(id);
    }
    expect(ids).toEqual(['a', 'c']);
    expect(skipped).toEqual([expect.stringContaining('expected a gold answer')]);
    const strict = fittingQuestions(topology, questions());
    await strict.next();
    await expect(strict.next()).rejects.toThrow(DataError);
  });

  test('only a few examples are kept', async () => {
    const found = await fitOf([], ...Array.from({ length: 50 }, () => ({ task: 'x' })));
    expect(found).toMatchObject({ questions: 50, unfit: 50 });
    expect(found.examples).toHaveLength(5);
  });
});
