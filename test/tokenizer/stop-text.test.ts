import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { openPolicy } from '../../src/checkpoint/folder.ts';
import { stopsAt } from '../../src/tokenizer/stop-text.ts';
import type { PolicyTokenizer } from '../../src/tokenizer/tokenizer.ts';
import { fixturePath } from '../engine/fixtures.ts';

/** Single bytes as tokens: characters come in pieces. */
const bytes = (tokens: readonly number[]) => Buffer.from(tokens).toString('utf8');

/** How many tokens until it stops; undefined: never. */
function stopped(
  tokens: readonly number[],
  sequences: readonly string[],
  decode: (tokens: readonly number[]) => string,
): number | undefined {
  const stop = stopsAt(sequences, decode);
  for (let count = 1; count <= tokens.length; count++) if (stop(tokens.slice(0, count))) return count;
  return undefined;
}

/** The same by decoding everything, every time. */
function simply(
  tokens: readonly number[],
  sequences: readonly string[],
  decode: (tokens: readonly number[]) => string,
): number | undefined {
  for (let count = 1; count <= tokens.length; count++) {
    const text = decode(tokens.slice(0, count));
    if (sequences.some((sequence) => text.includes(sequence))) return count;
  }
  return undefined;
}

describe('stopsAt', () => {
  let tokenizers: PolicyTokenizer[];
  beforeAll(async () => {
    const folders = ['made-bpe', 'made-words'].map((name) => openPolicy(fixturePath(name)));
    tokenizers = (await Promise.all(folders)).map(({ tokenizer }) => tokenizer);
  });

  test('with the token that completes a sequence, and not before', () => {
    const tokens = [...Buffer.from('so it is <answer>Zoë</answer>\nand more')];
    expect(stopped(tokens, ['</answer>'], bytes)).toBe(Buffer.byteLength('so it is <answer>Zoë</answer>'));
    expect(stopped(tokens, ['no such text', 'ë'], bytes)).toBe(Buffer.byteLength('so it is <answer>Zoë'));
    expect(stopped(tokens, ['</answer >'], bytes)).toBeUndefined();
  });

  test('whatever the tokens: where decoding everything every time stops', () => {
    const pieces = ['</answer>', '<answer>', 'Zoë', 'café', ' naïvely', '\n', '𝛼', '24', ' clips', 'x'];
    const text = fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((parts) => parts.join(''));
    const cases = fc.record({
      text,
      noise: fc.array(fc.nat(300), { maxLength: 20 }),
      which: fc.nat(1),
      sequences: fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ minLength: 1, maxLength: 3 })), {
        ...{ minLength: 1, maxLength: 3 },
      }),
    });
    fc.assert(
      fc.property(cases, ({ text, noise, which, sequences }) => {
        const tokenizer = tokenizers[which];
        const tokens = [...noise, ...tokenizer.encode(text), ...noise];
        const decode = (ids: readonly number[]) => tokenizer.decode(ids);
        expect(stopped(tokens, sequences, decode)).toBe(simply(tokens, sequences, decode));
        const small = [...Buffer.from(text), ...noise.map((n) => n % 256)];
        expect(stopped(small, sequences, bytes)).toBe(simply(small, sequences, bytes));
      }),
      { numRuns: 200 },
    );
  });

  test('decodes a bounded tail, however long the sample', () => {
    let longest = 0;
    const decode = (tokens: readonly number[]) => {
      longest = Math.max(longest, tokens.length);
      return bytes(tokens);
    };
    expect(stopped(new Array<number>(500).fill(97), ['</answer>'], decode)).toBeUndefined();
    expect(longest).toBeLessThan(30);
  });
});
