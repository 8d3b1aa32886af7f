/**
 * Text to token ids and back, by a Hugging Face `tokenizer.json`. Text that comes from data, tools or models
 * is hostile: a literal `<end_of_turn>` in it must not end a turn, so special tokens are made only where the
 * rendering asks for them.
 */
import { Tokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { DataError } from '../errors.ts';
import { checkParts, hasExpression } from './check-parts.ts';
import { inTime, LONGEST_MS } from './in-time.ts';

/**
 * The files of a tokenizer beside each other in a folder, as transformers writes them. A copy of a policy
 * takes them over.
 */
export const tokenizerFiles = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'chat_template.json',
  'vocab.json',
  'merges.txt',
  'vocab.txt',
  'tokenizer.model',
  'spiece.model',
] as const;

const tokenizerJson = z.looseObject({
  added_tokens: z
    .array(
      z.looseObject({
        id: z.int().nonnegative(),
        content: z.string(),
        special: z.boolean(),
        lstrip: z.boolean().default(false),
        rstrip: z.boolean().default(false),
      }),
    )
    .default([]),
  model: z.looseObject({
    unk_token: z.string().nullish(),
    vocab: z.union([
      z.record(z.string(), z.int().nonnegative()),
      z.array(z.tuple([z.string(), z.number()]).rest(z.unknown())),
    ]),
  }),
  normalizer: z.unknown().optional(),
  pre_tokenizer: z.unknown().optional(),
  post_processor: z.unknown().optional(),
  decoder: z.unknown().optional(),
});

/**
 * A special token in a template's text; `lstrip` and `rstrip`: it takes the white space before or after it.
 */
export interface SpecialToken {
  readonly id: number;
  readonly content: string;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
}

/**
 * Halves of surrogate pairs that well-formed text never has: what text must never spell is named with them.
 */
const reserved = '\ud800\ud800';

export class PolicyTokenizer {
  /** The largest id and one. */
  readonly vocabularySize: number;
  /** Ids that text never becomes. */
  readonly specialIds: ReadonlySet<number>;
  /**
   * Ids that the tokenizer itself puts before a text (its post-processor), such as the beginning of the text.
   */
  readonly beginning: readonly number[];
  readonly #special: ReadonlyMap<string, SpecialToken>;
  /** Matches any special token, the longest first. */
  readonly #specialPattern: RegExp;
  readonly #whole: Tokenizer;
  readonly #plain: Tokenizer;
  readonly #ids: ReadonlyMap<string, number>;
  /** Only then may decoding take long. */
  readonly #decodesByExpression: boolean;

  /**
   * From parsed tokenizer.json and tokenizer_config.json; `where` names the former in errors. Throws
   * `DataError` where they are malformed or use a part that cannot be read.
   */
  constructor(json: unknown, config: object, where: string) {
    const parsed = tokenizerJson.safeParse(json);
    if (!parsed.success) throw new DataError(`${where}: ${z.prettifyError(parsed.error)}`);
    const { added_tokens: added, model } = parsed.data;
    const parts = {
      ...parsed.data,
      normalizer: parsed.data.normalizer ?? null,
      pre_tokenizer: parsed.data.pre_tokenizer ?? null,
      post_processor: null,
      decoder: parsed.data.decoder ?? null,
    };
    const { normalizer, pre_tokenizer: preTokenizer, decoder } = parts;
    checkParts({ ids: idsIn(parsed.data), parts: { normalizer, preTokenizer, decoder } }, where);
    this.#decodesByExpression = hasExpression(decoder);
    const special = added.filter((token) => token.special);
    const hidden = new Set(
      special.map((token) => token.content).filter((content) => content !== model.unk_token),
    );
    this.#special = new Map(special.map((token) => [token.content, token]));
    const longestFirst = [...this.#special.keys()].filter(Boolean).sort((a, b) => b.length - a.length);
    const escaped = longestFirst.map((content) => content.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'));
    // Without any: what matches nothing.
    this.#specialPattern = new RegExp(`(${escaped.join('|') || '(?!)'})`, 'u');
    const read = (json: Readonly<Record<string, unknown>>): Tokenizer => {
      try {
        return inTime({ ms: LONGEST_MS, what: () => where }, () => new Tokenizer(json, config));
      } catch (cause) {
        throw new DataError(`${where}: cannot be used as a tokenizer: ${(cause as Error).message}`, {
          cause,
        });
      }
    };
    this.#whole = read(parts);
    this.#ids = this.#whole.get_vocab(true);
    this.specialIds = new Set(special.map((token) => token.id));
    let largest = -1;
    for (const id of this.#ids.values()) largest = Math.max(largest, id);
    this.vocabularySize = largest + 1;
    // The same without special tokens, neither as added tokens nor as words of the model's vocabulary.
    this.#plain = read({
      ...parts,
      added_tokens: [...added.filter((token) => !token.special), boundary(this.vocabularySize)],
      model: { ...model, vocab: withoutTokens(model.vocab, hidden) },
    });
    this.beginning = beginningOf(parsed.data.post_processor, (content) => this.#ids.get(content));
  }

  /**
   * Ids of text that stands for itself: special tokens in it are spelled out, and none are added. Text that
   * `continues` others gets no space that the tokenizer puts before a first word.
   */
  encode(text: string, { continues = false }: { readonly continues?: boolean } = {}): number[] {
    const known = text.toWellFormed();
    return inTime(bound(text), () =>
      continues && text !== '' ? ids(this.#plain, reserved + known).slice(1) : ids(this.#plain, known),
    );
  }

  /** A template's text, cut at its special tokens. Never for text from outside. */
  splitTemplate(text: string): (string | SpecialToken)[] {
    return text
      .split(this.#specialPattern)
      .filter((part) => part !== '')
      .map((part) => this.#special.get(part) ?? part);
  }

  /** Ids of a template's text, in which special tokens are themselves. Never for text from outside. */
  encodeTemplate(text: string): number[] {
    return inTime(bound(text), () => ids(this.#whole, text));
  }

  /** The text of ids, special tokens left out. Bytes that are no UTF-8 become U+FFFD. */
  decode(tokens: readonly number[]): string {
    const known = tokens.filter((token) => token < this.vocabularySize && !this.specialIds.has(token));
    if (known.length === 0) return '';
    const decode = () => this.#whole.decode(known, { clean_up_tokenization_spaces: false });
    if (!this.#decodesByExpression) return decode();
    return inTime({ ms: LONGEST_MS, what: () => `${known.length} tokens become text` }, decode);
  }

  /** The id of a token by its content, special or not. */
  id(token: string): number | undefined {
    return this.#ids.get(token);
  }
}

function bound({ length }: string) {
  return { ms: LONGEST_MS, what: () => `a text of ${length} characters becomes tokens` };
}

/** All ids that are named: of a list, its places. */
function* idsIn({ added_tokens: added, model }: z.output<typeof tokenizerJson>): Generator<number> {
  for (const { id } of added) yield id;
  if (!Array.isArray(model.vocab)) yield* Object.values(model.vocab);
}

function ids(tokenizer: Tokenizer, text: string): number[] {
  return text === '' ? [] : tokenizer.encode(text, { add_special_tokens: false }).ids;
}

/** A token that only `encode` writes, so that what stands after it is not the beginning of the text. */
function boundary(id: number) {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return { id, content: reserved, ...flags };
}

const templateProcessing = z.looseObject({
  single: z.array(z.looseObject({ SpecialToken: z.looseObject({ id: z.string() }).optional() })),
});
const processorSequence = z.looseObject({ processors: z.array(z.unknown()) });

/**
 * The special tokens that a post-processor (`TemplateProcessing`, alone or in a sequence) puts before a text.
 */
function beginningOf(processor: unknown, idOf: (content: string) => number | undefined): number[] {
  const sequence = processorSequence.safeParse(processor).data?.processors;
  if (sequence) return sequence.flatMap((part) => beginningOf(part, idOf));
  const single = templateProcessing.safeParse(processor).data?.single ?? [];
  const text = single.findIndex((part) => part.SpecialToken === undefined);
  return single.slice(0, Math.max(0, text)).flatMap((part) => idOf(part.SpecialToken?.id ?? '') ?? []);
}

type Vocabulary = z.output<typeof tokenizerJson>['model']['vocab'];

/**
 * The vocabulary with some tokens renamed out of reach of any text; ids stay where they are.
 */
function withoutTokens(vocabulary: Vocabulary, hidden: ReadonlySet<string>): Vocabulary {
  const rename = (token: string) => (hidden.has(token) ? `${reserved}${token}${reserved}` : token);
  if (Array.isArray(vocabulary)) return vocabulary.map(([token, ...rest]) => [rename(token), ...rest]);
  return Object.fromEntries(Object.entries(vocabulary).map(([token, id]) => [rename(token), id]));
}
