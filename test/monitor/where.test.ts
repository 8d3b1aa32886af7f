import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ConfigError } from '../../src/errors.ts';
import { printable } from '../../src/monitor/printable.ts';
import { parseWhere } from '../../src/monitor/where.ts';

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
  expect(printable('\u001b[31mred\u001b[0m\nline')).toBe('\ufffd[31mred\ufffd[0m line');
});
