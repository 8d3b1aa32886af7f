/** The decoder's shape, as its `config.json` gives it. */
export interface DecoderConfig {
  /** `model_type` in config.json. */
  readonly family: 'gemma2';
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  readonly maxPositions: number;
  readonly ropeTheta: number;
  readonly normEpsilon: number;
  /** Attention scores are divided by the square root of this. */
  readonly queryPreAttnScalar: number;
  /** Window of the even layers (0, 2, ...): a token sees itself and the windowSize - 1 before it. */
  readonly slidingWindow: number;
  /** Soft caps, `cap * tanh(x / cap)`; null: none. */
  readonly attentionCap: number | null;
  readonly logitCap: number | null;
  readonly tiedHead: boolean;
}
