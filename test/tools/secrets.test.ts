import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { secretsAmong, withoutSecrets } from '../../src/tools/secrets.ts';

const secret = fc.string({ unit: fc.constantFrom(...'aB3"\\\\/+=$&é .'), minLength: 8, maxLength: 40 });
const spellings = [(text: string) => text, (text: string) => JSON.stringify({ text }), encodeURIComponent];

test('a secret is in no text, however it is spelled there', () => {
  fc.assert(
    fc.property(secret, fc.constantFrom(...spellings), fc.string(), (value, spell, around) => {
      const spelled = spell(value);
      const shown = withoutSecrets(`${around}${spelled}${around}`, [value]);
      expect(shown).toContain('[secret]');
      expect(shown.replaceAll('[secret]', '')).not.toContain(value);
    }),
  );
});

test('of an authorization the token is one too; a longer secret goes before one that it begins with', () => {
  expect(withoutSecrets('bad token abcdefgh1', ['Bearer abcdefgh1'])).toBe('bad token [secret]');
  expect(withoutSecrets('abcdefgh1', ['abcdefgh', 'abcdefgh1'])).toBe('[secret]');
  expect(withoutSecrets('it is on', ['Switch on'])).toBe('it is on');
});

test('short values are words', () => {
  expect(secretsAmong(['', 'on', 'production', 'very-secret'])).toEqual(['production', 'very-secret']);
});
