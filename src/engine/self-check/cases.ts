/**
 * The decoders of the self-check: between them they use every kernel. Small, and of sizes that are no
 * multiples of tiles or workgroups.
 */

import { normal, seedFor, uniform } from '../../random.ts';
import { type DecoderConfig, sizeOf, type TensorShapes, tensorShapes } from '../config.ts';
import type { AdamWOptions, EngineOptions, LoraShape, PackedRows, Tensors, WeightSource } from '../engine.ts';
import { gemma2Decoder } from '../families.ts';
import { adapterShapes } from '../lora.ts';
import { type PackedFormat, packedFormats, unpack } from '../packed.ts';
import { packRows } from '../rows.ts';
import { sourceOf } from '../weight-source.ts';
import { packedWords } from './packed-words.ts';

export interface CheckedDecoder {
  readonly name: string;
  readonly config: DecoderConfig;
  readonly options: EngineOptions;
}

/**
 * A window shorter than the rows, shared key heads, both caps; heads large enough for the kernels in which
 * lanes share one.
 */
const gemma2 = gemma2Decoder({
  ...{ vocabSize: 101, hiddenSize: 44, intermediateSize: 76, layers: 2, heads: 4, keyValueHeads: 2 },
  ...{ headSize: 32, maxPositions: 64, window: 7 },
});

/** What Llama and Qwen 2 and 3 have that Gemma 2 has not, at once; three query heads a key head. */
const llamaOrQwen: DecoderConfig = {
  ...gemma2,
  ...{
    family: 'qwen3',
    heads: 6,
    headSize: 12,
    hiddenSize: 36,
    normOffset: 0,
    postNorms: false,
    queryKeyNorms: true,
  },
  ...{ biases: ['q_proj', 'k_proj', 'v_proj'], activation: 'silu', embeddingScale: 1 },
  ...{ attentionCap: null, logitCap: null, windows: [null, 9], tiedHead: false },
  ropeScaling: { kind: 'linear', factor: 2 },
};

/** No size is a multiple of 4: padded on the device. */
const uneven: DecoderConfig = { ...llamaOrQwen, hiddenSize: 37, intermediateSize: 51, headSize: 6 };

/** Rows of whole blocks. */
const inBlocks: DecoderConfig = {
  ...{ ...llamaOrQwen, hiddenSize: 64, intermediateSize: 96, heads: 4, headSize: 16 },
  ...{ windows: [9], layers: 1 },
};

/** Adapters on matrices that are all packed in one way. */
function packedDecoder(format: PackedFormat): CheckedDecoder {
  const matrices = [...tensorShapes(inBlocks)].filter(([, shape]) => shape.length === 2);
  const frozen = new Map(matrices.map(([name]) => [name, format]));
  const lora: LoraShape = { rank: 4, scale: 0.8, targets: ['k_proj', 'down_proj'] };
  return { name: `packed as ${format}`, config: inBlocks, options: { lora, frozen } };
}

export const checkedDecoders: readonly CheckedDecoder[] = [
  { name: 'Gemma 2', config: gemma2, options: {} },
  { name: 'Llama and Qwen', config: llamaOrQwen, options: { recompute: true } },
  {
    name: 'adapters',
    config: llamaOrQwen,
    options: {
      lora: { rank: 5, scale: 0.8, targets: ['q_proj', 'v_proj', 'o_proj', 'up_proj', 'down_proj'] },
      frozen: 'bf16',
    },
  },
  { name: 'sizes that are padded', config: uneven, options: {} },
  ...packedFormats.map(packedDecoder),
];

/**
 * The large epsilon keeps the step smooth in the gradient: with a small one its sign decides, and rounding
 * that.
 */
export const checkAdamW: AdamWOptions = {
  ...{ learningRate: 1e-2, beta1: 0.9, beta2: 0.999, epsilon: 1e-2, weightDecay: 0.01, clipNorm: 1 },
};

/** The decoder's weights, and what is trained of it at first. */
export function startOf({ config, options }: CheckedDecoder): {
  readonly weights: WeightSource;
  readonly trained: Tensors;
} {
  const weights = randomTensors(tensorShapes(config), 1 - config.normOffset);
  const trained = options.lora ? randomTensors(adapterShapes(config, options.lora), 0) : weights;
  const source = sourceOf(weights);
  if (typeof options.frozen !== 'object') return { weights: source, trained };
  const words = new Map<string, Uint32Array>();
  for (const [name, format] of options.frozen) {
    const packed = packedWords(format, weights.get(name)?.length ?? 0);
    words.set(name, packed);
    weights.set(name, unpack(packed, format));
  }
  const readPacked: WeightSource['readPacked'] = async (name, visit) =>
    visit(words.get(name) ?? new Uint32Array(), 0);
  return { weights: { ...source, readPacked }, trained };
}

/**
 * Matrices keep the size of what they are given; norms are about `norm`, which leaves it alone. Uniform
 * numbers of a simple generator, because there are many and any will do.
 */
function randomTensors(shapes: TensorShapes, norm: number): Tensors {
  return new Map(
    [...shapes].map(([name, shape]) => {
      let state = Number(seedFor(1, `self-check/${name}`) % 2147483648n);
      const mean = name.includes('norm') ? norm : 0;
      const deviation = shape.length === 2 ? 1 / Math.sqrt(shape[1]) : 0.2;
      const values = new Float32Array(sizeOf(shape));
      for (let i = 0; i < values.length; i++) {
        state = (state * 1103515245 + 12345) % 2147483648;
        values[i] = mean + deviation * 3.46 * (state / 2147483648 - 0.5);
      }
      return [name, values];
    }),
  );
}

/** Rows of these lengths of random tokens; all but a few tokens are targets, at temperatures of their own. */
export function randomRows(lengths: readonly number[], vocabSize: number): PackedRows {
  const key = seedFor(1, 'self-check/tokens');
  return packRows(
    lengths.map((length, row) => {
      const targets = Array.from({ length: length - 1 }, (_, i) => i + 1).filter((i) => i % 5 !== 4);
      return {
        tokens: Array.from({ length }, (_, i) => Math.floor(uniform(key, 1000 * row + i) * vocabSize)),
        targets,
        temperatures: targets.map((target) => [1, 0.5, 1.3][target % 3]),
      };
    }),
  );
}

export const checkedRows = (config: DecoderConfig) => randomRows([19, 2, 33], config.vocabSize);

/** Of the target tokens. */
export function advantages(count: number): Float32Array<ArrayBuffer> {
  const key = seedFor(1, 'self-check/advantages');
  return Float32Array.from({ length: count }, (_, m) => normal(key, m));
}

/** How tokens are drawn for so many targets: with and without top-p and top-k. */
export function checkedDraws(count: number) {
  return Array.from({ length: count }, (_, m) => {
    const [topP, topK] = [
      [1, 0],
      [0.8, 0],
      [1, 1],
      [1, 20],
      [0.6, 9],
    ][m % 5];
    return { seed: BigInt(m) * 3_000_000_019n, position: 7 * m, temperature: 1, topP, topK };
  });
}
