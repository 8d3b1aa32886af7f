/** The `tokenizer.json` and `tokenizer_config.json` that a GGUF file's metadata amount to. */
import { ConfigError } from '../../errors.ts';
import {
  bpeModel,
  byteLevelDecoder,
  byteLevelStep,
  piecesThenBytes,
} from '../../tokenizer/tokenizer-json.ts';
import { found } from './families.ts';
import type { GgufMetadata, GgufValue } from './header.ts';

export interface TokenizerFiles {
  readonly tokenizer: Record<string, unknown>;
  readonly config: Record<string, unknown>;
}

/** Kinds of tokens. */
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;

const gpt2 = byteLevelStep(true);
const words = (digits: string) =>
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" +
  `${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

interface PreTokenizer {
  readonly pieces: readonly object[];
  readonly normalizer?: object;
  /** Whether a piece that is a word of the vocabulary is taken whole. */
  readonly ignoreMerges?: true;
  /** Whether the beginning of the text is put before texts where the file does not say. */
  readonly addsBeginning?: true;
}

/** How texts are cut before they are merged, by llama.cpp's names (`tokenizer.ggml.pre`). */
const PRE_TOKENIZERS: Readonly<Record<string, PreTokenizer>> = {
  default: { pieces: [gpt2] },
  'gpt-2': { pieces: [gpt2] },
  smollm: { pieces: [{ type: 'Digits', individual_digits: true }, gpt2] },
  'llama-bpe': { pieces: piecesThenBytes(words('\\p{N}{1,3}')), ignoreMerges: true, addsBeginning: true },
  qwen2: { pieces: piecesThenBytes(words('\\p{N}')), normalizer: { type: 'NFC' } },
};

/** Throws `ConfigError` where the file has no tokenizer, or one of a kind that is not known. */
export function tokenizerOf(metadata: GgufMetadata, path: string): TokenizerFiles {
  const at = (key: string): GgufValue | undefined => metadata.get(`tokenizer.ggml.${key}`);
  const tokens = texts(at('tokens'), 'tokens', path);
  const types = at('token_type');
  const typeOf = (id: number) => (Array.isArray(types) ? types[id] : undefined);
  const model = at('model');
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const named = (name: string) => tokens[Number(at(`${name}_token_id`) ?? -1)];
  const parts = {
    ...(model === 'gpt2' ? byteLevel(at, tokens, path) : {}),
    ...(model === 'llama' ? sentencePiece(at, { tokens, ids, unknown: named('unknown') }, path) : {}),
  };
  if (!('model' in parts))
    throw new ConfigError(
      `${path}: expected "tokenizer.ggml.model" to be gpt2 or llama, found ${found(model)}. ${INSTEAD}`,
    );
  const { addsBeginning, ...json } = parts as typeof parts & { addsBeginning: boolean };
  const begins = (at('add_bos_token') ?? addsBeginning) === true;
  const bos = named('bos');
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: tokens.flatMap((content, id) => {
      const type = typeOf(id);
      const isSpecial = type === CONTROL || type === UNKNOWN;
      if (!isSpecial && type !== USER_DEFINED) return [];
      const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
      return [{ id, content, ...flags, special: isSpecial }];
    }),
    ...json,
    post_processor: begins && bos !== undefined ? template(bos, ids.get(bos) ?? 0) : null,
  };
  const names = { bos: 'bos', eos: 'eos', unknown: 'unk', padding: 'pad' };
  const special = Object.entries(names).flatMap(([name, short]) => {
    const token = named(name);
    return token === undefined ? [] : [[`${short}_token`, token]];
  });
  const chat = metadata.get('tokenizer.chat_template');
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    add_bos_token: begins,
    clean_up_tokenization_spaces: false,
    ...Object.fromEntries(special),
    ...(typeof chat === 'string' ? { chat_template: chat } : {}),
  };
  return { tokenizer, config };
}

const INSTEAD = "Put the model's own tokenizer.json into the folder, beside config.json.";

type Metadata = (key: string) => GgufValue | undefined;

/** Byte-level BPE, as of GPT-2, Llama 3 and Qwen. */
function byteLevel(at: Metadata, tokens: readonly string[], path: string) {
  const pre = at('pre') ?? 'default';
  if (typeof pre !== 'string' || !Object.hasOwn(PRE_TOKENIZERS, pre))
    throw new ConfigError(
      `${path}: expected "tokenizer.ggml.pre" to be one of ${Object.keys(PRE_TOKENIZERS).join(', ')}, found ${found(pre)}. ${INSTEAD}`,
    );
  const how = PRE_TOKENIZERS[pre] as PreTokenizer;
  const merges = texts(at('merges'), 'merges', path).map((merge) => {
    // A part may itself begin with a space only if it is one, which byte-level words never have.
    const space = merge.indexOf(' ', 1);
    return [merge.slice(0, space), merge.slice(space + 1)];
  });
  return {
    normalizer: how.normalizer ?? null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: how.pieces },
    decoder: byteLevelDecoder,
    model: bpeModel({ tokens, merges, ignoreMerges: how.ignoreMerges ?? false }),
    addsBeginning: how.addsBeginning ?? false,
  };
}

interface Pieces {
  readonly tokens: readonly string[];
  readonly ids: ReadonlyMap<string, number>;
  readonly unknown: string | undefined;
}

/**
 * SentencePiece's BPE, as of Gemma: spaces become `▁`, and the two neighbors whose union has the best score are
 * merged first. As merges in order: of each word all cuts into two words, by the word's score, and among
 * equals by the parts' ids.
 */
function sentencePiece(at: Metadata, { tokens, ids, unknown }: Pieces, path: string) {
  const scores = at('scores');
  if (!Array.isArray(scores) || scores.length !== tokens.length)
    throw new ConfigError(
      `${path}: expected a score in "tokenizer.ggml.scores" for each of ${tokens.length} tokens, found ${Array.isArray(scores) ? scores.length : 'none'}`,
    );
  const cuts = tokens.flatMap((token, whole) => {
    const characters = [...token];
    return characters.slice(1).flatMap((_, i) => {
      const [left, right] = [characters.slice(0, i + 1).join(''), characters.slice(i + 1).join('')];
      const parts = [ids.get(left), ids.get(right)];
      return parts[0] === undefined || parts[1] === undefined
        ? []
        : [{ left, right, score: Number(scores[whole]), ids: parts as [number, number] }];
    });
  });
  cuts.sort((a, b) => b.score - a.score || a.ids[0] - b.ids[0] || a.ids[1] - b.ids[1]);
  const merges = cuts.map(({ left, right }) => [left, right]);
  const prefixed = at('add_space_prefix') !== false;
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
  const text = { type: 'Replace', pattern: { String: '▁' }, content: ' ' };
  const strip = prefixed ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : [];
  return {
    normalizer: prefixed
      ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, spaces] }
      : spaces,
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [text, { type: 'ByteFallback' }, { type: 'Fuse' }, ...strip],
    },
    model: bpeModel({ tokens, merges, byteFallback: true, unknown: unknown ?? null }),
    addsBeginning: true,
  };
}

/** Puts the beginning of the text before a text. */
function template(token: string, id: number) {
  const beginning = { SpecialToken: { id: token, type_id: 0 } };
  const [first, second] = ['A', 'B'].map((name, type_id) => ({ Sequence: { id: name, type_id } }));
  return {
    type: 'TemplateProcessing',
    single: [beginning, first],
    pair: [beginning, first, beginning, second],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  };
}

function texts(value: GgufValue | undefined, key: string, path: string): readonly string[] {
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value as string[];
  throw new ConfigError(`${path}: expected "tokenizer.ggml.${key}", a list of texts, found ${found(value)}`);
}
