/** Parts of a `tokenizer.json` that Swirl writes itself. */

/** The step that gives texts as bytes in the byte alphabet, cut by GPT-2's pattern where `useRegex` says so. */
export function byteLevelStep(useRegex: boolean) {
  return { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: useRegex };
}

/** Texts are cut by a pattern, and the pieces become bytes. */
export function piecesThenBytes(pattern: string): object[] {
  const split = { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
  return [split, byteLevelStep(false)];
}

export const byteLevelDecoder = { ...byteLevelStep(true), add_prefix_space: true };

export interface BpeOptions {
  /** Every token, by its id. */
  readonly tokens: readonly string[];
  /** The two parts of each merge, the first merge first. */
  readonly merges: readonly (readonly string[])[];
  /** A piece that is a token is taken whole. */
  readonly ignoreMerges?: boolean;
  /** What no token has is spelled out in tokens of bytes, such as `<0x0A>`. */
  readonly byteFallback?: boolean;
  readonly unknown?: string | null;
}

/** A BPE model. */
export function bpeModel(options: BpeOptions) {
  const { tokens, merges, ignoreMerges = false, byteFallback = false, unknown = null } = options;
  return {
    type: 'BPE',
    dropout: null,
    unk_token: unknown,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: unknown !== null,
    byte_fallback: byteFallback,
    ignore_merges: ignoreMerges,
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    merges,
  };
}
