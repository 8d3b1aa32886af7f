import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ConfigError } from '../../src/errors.ts';
import { printable } from '../../src/monitor/printable.ts';
import { parseWhere } from '../../src/monitor/where.ts';
import type { SchemaNode } from '../../src/topics/avro/schema-tree.ts';
import { topicNames, topicSchema } from '../../src/topics/avro/schemas.ts';
import type { Topic } from '../../src/topics/records.generated.ts';

const record = {
  id: 'q1/0/1',
  verdict: { label: 'BAD', rationale: 'says "no"' },
  reward: { value: -0.5 },
  steps: [{ text: 'first' }, { text: 'second and third' }],
  answer: null,
  ok: true,
};

test.each([
  ['verdict.label == "BAD"', true],
  ['verdict.label != "BAD"', false],
  ['reward.value < 0 and reward.value >= -0.5', true],
  ['reward.value > -5e-1', false],
  ['steps.1.text ~ "and"', true],
  ['steps.length == 2', true],
  ['answer == null and ok == true', true],
  ['nothing.like.this == null', true],
  ['verdict.label == "GOOD" or id ~ "q1" and ok == true', true],
  ['(never)', ConfigError],
  ['verdict.rationale ~ "\\"no\\""', true],
  ['constructor.name == "Object"', false],
  ['reward.value < "a"', false],
] as const)('%s', (text, expected) => {
  if (expected === ConfigError) expect(() => parseWhere(text)).toThrow(ConfigError);
  else expect(parseWhere(text)(record)).toBe(expected);
});

test('errors say what was expected and where', () => {
  expect(() => parseWhere('a ==')).toThrow(
    'expected a number, a string in double quotes, true, false or null, found the end',
  );
  expect(() => parseWhere('a = 1')).toThrow('cannot read it from column 3 on');
  expect(() => parseWhere('a == 1 b == 2')).toThrow('expected `and`, `or` or the end, found "b" at column 8');
});

test('any text is a condition or a ConfigError', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        expect(typeof parseWhere(text)(record)).toBe('boolean');
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
      }
    }),
  );
});

test('what models wrote cannot steer the terminal', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const shown = printable(text, 40);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
      expect([...shown].length).toBeLessThanOrEqual(40);
    }),
  );
  expect(printable('a\u061cb\u{e0041}')).toBe('a\ufffdb\ufffd');
  expect(printable('\u001b[31mred\u001b[0m\nline')).toBe('\ufffd[31mred\ufffd[0m line');
});

describe('with the schema of the records', () => {
  const where = (text: string, topic: Topic = 'judged') => {
    try {
      parseWhere(text, topicSchema(topic).tree);
      return 'fine';
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      return (error as Error).message;
    }
  };

  test.each([
    ['verdict.label == "BAD" and subTrajectory.index > 0', 'judged'],
    ['subTrajectory.question.answer == null', 'judged'],
    ['subTrajectory.context.0.action.text ~ "search"', 'judged'],
    ['subTrajectory.context.length >= 2', 'judged'],
    ['subTrajectory.question.meta.anything ~ "x"', 'judged'],
    ['reward.value < 0.5 or id == "q1/0/0"', 'scored'],
    ['stage == "judge" and retryable == true', 'failures'],
  ] as const)('%s is a condition on %s', (text, topic) => {
    expect(where(text, topic)).toBe('fine');
  });

  test.each([
    [
      'verdict.lable == "BAD"',
      'at column 1, there is no field `verdict.lable`; did you mean `verdict.label`?',
    ],
    [
      'id ~ "q" and subtrajectory.index > 0',
      'at column 14, there is no field `subtrajectory`; did you mean `subTrajectory.index`?',
    ],
    ['label == "BAD"', 'did you mean `verdict.label`?'],
    ['lable == "BAD"', 'did you mean `verdict.label`?'],
    ['action.text ~ "x"', 'did you mean `subTrajectory.action.text`?'],
    ['observation.text ~ "x"', 'did you mean `subTrajectory.context.0.observation.text`?'],
    ['verdict.why == "x"', 'there is no field `verdict.why`; `verdict` has label, rationale, judge'],
    ['nothing == 1', 'there is no field `nothing`; there are id, subTrajectory, verdict'],
    ['verdict.label.text == "BAD"', '`verdict.label` is one of GOOD, BAD, UNKNOWN'],
    [
      'subTrajectory.context.text ~ "x"',
      '`subTrajectory.context` is a list, of which subTrajectory.context.0',
    ],
    ['verdict == "BAD"', '`verdict` is a record: name a part of it, such as `verdict.label`'],
    ['verdict.label == "Bad"', '`verdict.label` is one of GOOD, BAD, UNKNOWN; did you mean "BAD"?'],
    ['subTrajectory.index == "0"', '`subTrajectory.index` is a number'],
    ['verdict.rationale == 3', '`verdict.rationale` is a text: expected a text in double quotes'],
    ['verdict.rationale < null', 'expected == or !='],
    ['constructor.name == "Object"', 'there is no field `constructor`'],
  ])('%s is an error: %s', (text, message) => {
    expect(where(text)).toContain(message);
  });

  test('every field of every topic may be named', () => {
    const paths = (node: SchemaNode, before: readonly string[] = []): string[][] => {
      if (node.kind === 'nullable') return paths(node.of, before);
      if (node.kind === 'array') return paths(node.items, [...before, '3']);
      if (node.kind === 'map') return paths(node.values, [...before, 'anything']);
      if (node.kind !== 'record') return [[...before]];
      return node.fields.flatMap((field) => paths(field.node, [...before, field.name]));
    };
    for (const topic of topicNames) {
      const all = paths(topicSchema(topic).tree).map((path) => path.join('.'));
      expect(all.length).toBeGreaterThan(3);
      for (const path of all) expect([path, where(`${path} != null`, topic)]).toEqual([path, 'fine']);
    }
  });
});
