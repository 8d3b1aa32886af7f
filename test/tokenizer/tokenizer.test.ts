import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { openPolicy } from '../../src/checkpoint/folder.ts';
import { DataError } from '../../src/errors.ts';
import { trainMerges } from '../../src/tokenizer/bpe-trainer.ts';
import type { NewTokenizer } from '../../src/tokenizer/new-tokenizer.ts';
import { bpeTokenizer, specialTokens, wordTokenizer } from '../../src/tokenizer/new-tokenizer.ts';
import { PolicyTokenizer } from '../../src/tokenizer/tokenizer.ts';
import { fixturePath } from '../engine/fixtures.ts';
import { madePolicies } from '../engine/made-policies.ts';

interface Expected {
  readonly cases: readonly { text: string; plain: number[]; whole: number[]; decoded: string }[];
  readonly vocabulary: number;
}

const open = (made: NewTokenizer) => new PolicyTokenizer(made.json, {}, 'made');

describe.each(Object.keys(madePolicies))('%s', (name) => {
  let tokenizer: PolicyTokenizer;
  let expected: Expected;
  beforeAll(async () => {
    ({ tokenizer } = await openPolicy(fixturePath(name)));
    expected = JSON.parse(await readFile(`${fixturePath(name)}/expected.json`, 'utf8'));
  });

  test("gives the ids and texts that Python's tokenizers library gives", () => {
    for (const { text, plain, whole, decoded } of expected.cases) {
      expect([text, tokenizer.encode(text)]).toEqual([text, plain]);
      expect([text, tokenizer.encodeTemplate(text)]).toEqual([text, whole]);
      expect([text, tokenizer.decode(plain)]).toEqual([text, decoded]);
    }
    expect(tokenizer.vocabularySize).toBe(expected.vocabulary);
  });

  test('any text comes back from its ids, and none becomes a special token', () => {
    const hostile = fc.array(
      fc.oneof(
        fc.constantFrom(...specialTokens, '<answer>', '<start_of_turn>', ' ', '7'),
        fc.string({ unit: 'grapheme' }),
      ),
    );
    fc.assert(
      fc.property(hostile, (parts) => {
        // A lone surrogate has no bytes.
        const text = parts.join('').toWellFormed();
        const ids = tokenizer.encode(text);
        expect(tokenizer.decode(ids)).toBe(text);
        expect(ids.some((id) => tokenizer.specialIds.has(id))).toBe(false);
      }),
    );
  });

  test('is made again from the same texts', async () => {
    const json = JSON.parse(await readFile(`${fixturePath(name)}/tokenizer.json`, 'utf8'));
    expect(JSON.parse(JSON.stringify(madePolicies[name]().tokenizer.json))).toEqual(json);
  });
});

describe('PolicyTokenizer', () => {
  const words = open(wordTokenizer({ words: ['Ada', 'Lovelace'], whole: ['<answer>', '</answer>'] }));

  test('whole words, tags and digits are single tokens', () => {
    const ids = words.encode('Ada Lovelace<answer>42</answer>');
    expect(ids.map((id) => words.decode([id]))).toEqual([
      'Ada',
      ' Lovelace',
      '<answer>',
      '4',
      '2',
      '</answer>',
    ]);
  });

  test('a space costs no token of its own', () => {
    const ids = words.encode('Ada 48 Lovelace');
    expect(ids.map((id) => words.decode([id]))).toEqual(['Ada', ' 4', '8', ' Lovelace']);
  });

  test('special tokens have no text; ids out of range are left out', () => {
    const end = words.id('<end_of_turn>') ?? -1;
    expect(words.decode([...words.encode('Ada'), end])).toBe('Ada');
    expect(words.decode([end, 10_000])).toBe('');
    expect(words.encodeTemplate('Ada<end_of_turn>').at(-1)).toBe(end);
  });

  test('a special token that the vocabulary would look up whole is spelled out too', () => {
    // As in tokenizers that look whole words up first: `ignore_merges` without a pre-tokenizer.
    const { json } = wordTokenizer({ words: [] });
    const bare = new PolicyTokenizer({ ...json, pre_tokenizer: null }, {}, 'bare');
    expect(bare.encode('<eos>').length).toBe(5);
    expect(bare.encodeTemplate('<eos>')).toEqual([1]);
  });

  test.each([
    ['no object', 7],
    ['no model', {}],
    ['a vocabulary that is none', { model: { vocab: 3 } }],
    [
      'an unknown part',
      { model: { type: 'BPE', vocab: { a: 0 }, merges: [] }, normalizer: { type: 'Rot13' } },
    ],
  ])('refuses %s', (_name, json) => {
    expect(() => new PolicyTokenizer(json, {}, 'here')).toThrow(DataError);
    expect(() => new PolicyTokenizer(json, {}, 'here')).toThrow(/^here: /);
  });
});

describe('trainMerges', () => {
  const split = (text: string) => text.split(' ');

  test('merges the most frequent pair first, equals by spelling, and no pair seen once', () => {
    expect(trainMerges(['ab ab ab cd cd bd'], { count: 9, split })).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    expect(trainMerges(['cd ab cd ab'], { count: 1, split })).toEqual([['a', 'b']]);
  });

  test('counts again after each merge: aaaa holds aa twice, then aaaa', () => {
    expect(trainMerges(['aaaa aaaa'], { count: 9, split })).toEqual([
      ['a', 'a'],
      ['aa', 'aa'],
    ]);
  });

  test('gives what counting everything anew each time gives', () => {
    const words = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 8 }), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(words, (texts) => {
        expect(trainMerges(texts, { count: 6, split })).toEqual(slowMerges(texts, 6));
      }),
    );
  });
});

test('bpeTokenizer refuses a vocabulary without room for the bytes', () => {
  expect(() => bpeTokenizer({ texts: [], vocabularySize: 200 })).toThrow(/at least 260 tokens, found 200/);
});

/** Byte-pair merges by definition. */
function slowMerges(texts: readonly string[], count: number): [string, string][] {
  let words = texts.map((text) => [...text]);
  const merges: [string, string][] = [];
  while (merges.length < count) {
    const counts = new Map<string, number>();
    for (const word of words) {
      for (let i = 1; i < word.length; i++) {
        const key = `${word[i - 1]} ${word[i]}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
    const [best] = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
    if (!best || best[1] < 2) break;
    const [left, right] = best[0].split(' ');
    merges.push([left, right]);
    words = words.map((word) => {
      const next: string[] = [];
      for (let i = 0; i < word.length; i++) {
        if (word[i] === left && word[i + 1] === right) {
          next.push(left + right);
          i++;
        } else next.push(word[i]);
      }
      return next;
    });
  }
  return merges;
}
