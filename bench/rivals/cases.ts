/**
 * The decoders, batches and samples that benchmarks take: the laboratory's, a medium one, the same as a
 * Llama, and a larger one.
 */
import { type BenchDecoder, benchDecoder } from './decoder.ts';

/** A batch of rows, and samples of `count` tokens after prompts of `prompt`, all at once. */
export interface BenchCase {
  readonly decoder: BenchDecoder;
  readonly rows: readonly [rows: number, rowTokens: number];
  readonly samples: { readonly slots: number; readonly prompt: number; readonly count: number };
  /** Steps in a round. */
  readonly steps: number;
}

const medium = { vocabSize: 512, hiddenSize: 128, intermediateSize: 512, layers: 4 };
const mediumHeads = { heads: 4, keyValueHeads: 4, headSize: 32, maxPositions: 256 };
export const benchCases: Readonly<Record<string, () => BenchCase>> = {
  lab: () => ({
    decoder: benchDecoder('gemma2', {
      ...{ vocabSize: 192, hiddenSize: 96, intermediateSize: 384, layers: 3 },
      ...{ heads: 4, keyValueHeads: 2, headSize: 24, maxPositions: 512 },
    }),
    rows: [24, 52],
    samples: { slots: 64, prompt: 30, count: 20 },
    steps: 4,
  }),
  medium: () => ({
    decoder: benchDecoder('gemma2', { ...medium, ...mediumHeads }),
    rows: [8, 128],
    samples: { slots: 16, prompt: 64, count: 32 },
    steps: 3,
  }),
  llama: () => ({
    decoder: benchDecoder('llama', { ...medium, ...mediumHeads }),
    rows: [8, 128],
    samples: { slots: 16, prompt: 64, count: 32 },
    steps: 3,
  }),
  large: () => ({
    decoder: benchDecoder('gemma2', {
      ...{ vocabSize: 8192, hiddenSize: 512, intermediateSize: 2048, layers: 6 },
      ...{ heads: 8, keyValueHeads: 4, headSize: 64, maxPositions: 512 },
    }),
    rows: [4, 128],
    samples: { slots: 16, prompt: 64, count: 16 },
    steps: 1,
  }),
};
