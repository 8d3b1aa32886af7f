import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { cutMiddle, headOf } from '../../src/agent/cut-text.ts';

const character = fc.constantFrom('a', ' ', 'é', 'e\u0301', '😀', '👩‍👩‍👧', 'ก็', '🇩🇪', '字');
const texts = fc.array(character, { maxLength: 30 });

describe('headOf', () => {
  test('is the longest run of whole characters that fits', () => {
    fc.assert(
      fc.property(texts, fc.nat(60), (characters, most) => {
        const text = characters.join('');
        // Flags join in pairs: as whole characters are counted here, they stand apart.
        fc.pre(!text.includes('🇩🇪🇩🇪'));
        let expected = '';
        for (const one of characters) {
          if (expected.length + one.length > most) break;
          expected += one;
        }
        expect(headOf(text, most)).toBe(expected);
      }),
    );
  });

  test('what is one character for ever is cut, and stays well-formed', () => {
    const text = `a${'\u0301'.repeat(500)}`;
    expect(headOf(text, 200)).toHaveLength(200);
    expect(headOf('😀'.repeat(3), 3)).toBe('😀');
  });
});

test('cutMiddle keeps whole characters on both sides and says what is missing', () => {
  const text = `${'😀'.repeat(20)}${'👩‍👩‍👧'.repeat(20)}`;
  const cut = cutMiddle(text, 41);
  const [, head, left, tail] = /^(.*) \[\.\.\. (\d+) characters left out \.\.\.\] (.*)$/.exec(cut) ?? [];
  expect(text.startsWith(head)).toBe(true);
  expect(text.endsWith(tail)).toBe(true);
  expect(head.length + tail.length + Number(left)).toBe(text.length);
  expect(cut.isWellFormed()).toBe(true);
  expect(tail).toBe('👩‍👩‍👧'.repeat(2));
  expect(cutMiddle('short', 41)).toBe('short');
});
