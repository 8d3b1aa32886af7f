import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { wordsOf } from '../../../src/tools/search/words.ts';

describe('words', () => {
  test.each([
    ['R.E.M. and the U.S.A, e.g. J.R.R. Tolkien', 'rem and the usa eg jrr tolkien'],
    ['R.É.M.’s a.b.cde', 'rem a b cde'],
    ['1,234 12,34 1,234,567.8 3.14 1.2.3 1.', '1234 12 34 1234567.8 3.14 1.2.3 1'],
    ["Arthur's Magazine, O'Brien’s don't", 'arthur magazine o brien don t'],
    ['C++ and C#, not C or abc#', 'c++ and c# not c or abc'],
    ['Łódź Ørsted straße İstanbul Alû Đà Nẵng Æsir', 'lodz orsted strasse istanbul alu da nang aesir'],
    ['ΟΔΟΣ οδός Σίσυφος', 'οδοσ οδοσ σισυφοσ'],
    ['ﬁne １２３ ① ᴬ x²', 'fine 123 1 a x2'],
    ['मुंबई में हिन्दी', 'मुंबई में हिन्दी'],
    ['مُحَمَّد محمـد', 'محمد محمد'],
    ['שָׁלוֹם שלום', 'שלום שלום'],
    ['서울은 Seoul', '서울은 seoul'],
    ['東京都', '東 京 都 東京 京都'],
    ['スーパー ガギ', 'スー ーパ パー ガギ'],
    ['ภาษา', 'ภา าษ ษา'],
    ['iPhone手机5', 'iphone 手 机 手机 5'],
    ['猫', '猫'],
    ['', ''],
    ['?! -- \ud800 \u0000', ''],
  ])('of %j', (text, words) => {
    expect(wordsOf(text).join(' ')).toBe(words);
  });

  test('are the same composed and taken apart, in upper and lower case', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 30 }), (text) => {
        const words = wordsOf(text);
        expect(wordsOf(text.normalize('NFD'))).toEqual(wordsOf(text.normalize('NFC')));
        expect(words.every((word) => word !== '' && word.length <= 128 && word.isWellFormed())).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii', maxLength: 30 }), (text) => {
        // Beyond ASCII another expression is used: it must agree where both apply.
        expect(wordsOf(`${text} é`)).toEqual([...wordsOf(text.toUpperCase()), 'e']);
      }),
    );
  });

  test('a megabyte of anything is read in one pass', () => {
    for (const piece of ['a.', '1,', "a'", '1.', '東', 'é']) {
      expect(wordsOf(piece.repeat(500_000 / piece.length)).length).toBeGreaterThan(0);
    }
  });
});
