/**
 * Makes tokenizers for fresh policies, as `tokenizer.json` that the tokenizers and transformers libraries
 * open. Both kinds are byte-level: any text can be spelled, and decoding gives back the text that was
 * encoded.
 */
import { ConfigError } from '../errors.ts';
import type { Merge } from './bpe-trainer.ts';
import { trainMerges } from './bpe-trainer.ts';
import { byteAlphabet, toByteLevel } from './byte-level.ts';
import { bpeModel, byteLevelDecoder, piecesThenBytes } from './tokenizer-json.ts';

/** A fresh tokenizer: what goes into tokenizer.json, and how many ids it has. */
export interface NewTokenizer {
  readonly json: Record<string, unknown>;
  readonly vocabularySize: number;
}

/** Special tokens of fresh policies, by id from 0; pad, eos and bos have the ids that Gemma gives them. */
export const specialTokens = ['<pad>', '<eos>', '<bos>', '<end_of_turn>'] as const;

/** Words with the space before them, runs of punctuation, digits apart, runs of white space. */
const bpePattern = String.raw` ?\p{L}+| ?[^\s\p{L}\p{N}]+|\p{N}|\s+(?!\S)|\s+`;
/** The same with every punctuation mark apart, and the space before a number in its first digit. */
const wordPattern = String.raw` ?\p{L}+| ?[^\s\p{L}\p{N}]| ?\p{N}|\s+(?!\S)|\s+`;

/**
 * A byte-level BPE trained on texts. `vocabularySize` counts special tokens, whole tokens and the 256 bytes
 * too; texts with too few repetitions give fewer. `whole` are strings that are always one token, such as
 * tags.
 */
export function bpeTokenizer(options: {
  readonly texts: Iterable<string>;
  readonly vocabularySize: number;
  readonly whole?: readonly string[];
}): NewTokenizer {
  const whole = [...new Set(options.whole ?? [])];
  const fixed = specialTokens.length + byteAlphabet().length + whole.length;
  if (options.vocabularySize < fixed) {
    throw new ConfigError(
      `expected a vocabulary of at least ${fixed} tokens, found ${options.vocabularySize}`,
    );
  }
  const cut = cutter(bpePattern, whole);
  const merges = trainMerges(options.texts, { count: options.vocabularySize - fixed, split: cut });
  return build({ pattern: bpePattern, whole, merges, words: merges.map(([left, right]) => left + right) });
}

/**
 * A tokenizer of whole words for a small world: each of `words` and each digit is one token, with and without
 * a space before it; so is every word that occurs in `texts`, as it stands there. Digits and punctuation
 * marks are apart, and what is not listed is spelled in bytes. `whole` are strings that are always one token,
 * such as tags.
 */
export function wordTokenizer(options: {
  readonly words: readonly string[];
  readonly texts?: Iterable<string>;
  readonly whole?: readonly string[];
}): NewTokenizer {
  const whole = [...new Set(options.whole ?? [])];
  const cut = cutter(wordPattern, whole);
  const words = new Set<string>();
  for (const word of [...'0123456789', ...options.words]) {
    for (const variant of [word, ` ${word}`]) {
      // A "word" that the pattern cuts is added by its parts: it could not be found as one.
      for (const part of cut(variant)) words.add(toByteLevel(part));
    }
  }
  for (const text of options.texts ?? []) for (const word of cut(text)) words.add(toByteLevel(word));
  return build({ pattern: wordPattern, whole, merges: [], words: [...words] });
}

/** Cuts a text as the tokenizer does before it looks words up. */
function cutter(pattern: string, whole: readonly string[]): (text: string) => string[] {
  const words = new RegExp(pattern, 'gu');
  if (whole.length === 0) return (text) => text.match(words) ?? [];
  const longestFirst = [...whole].sort((a, b) => b.length - a.length);
  const separators = new RegExp(
    longestFirst.map((text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|'),
    'u',
  );
  return (text) => text.split(separators).flatMap((part) => part.match(words) ?? []);
}

function build(parts: {
  readonly pattern: string;
  readonly whole: readonly string[];
  readonly merges: readonly Merge[];
  /** In the byte alphabet. */
  readonly words: readonly string[];
}): NewTokenizer {
  const added = [...specialTokens, ...parts.whole];
  const tokens = [...new Set([...added, ...byteAlphabet(), ...parts.words])];
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: id < specialTokens.length,
    })),
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: piecesThenBytes(parts.pattern),
    },
    post_processor: null,
    decoder: byteLevelDecoder,
    // Whole words are looked up; there are no merges to build them from.
    model: bpeModel({ tokens, merges: parts.merges, ignoreMerges: parts.merges.length === 0 }),
  };
  return { json, vocabularySize: tokens.length };
}
