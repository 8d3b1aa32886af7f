/** Makes a fresh policy folder: random weights of a shape, and a tokenizer. The start of a base policy. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { DecoderConfig } from '../engine/config.ts';
import { sizeOf, tensorShapes } from '../engine/config.ts';
import type { Tensors } from '../engine/engine.ts';
import { configText, gemma2Decoder, gemma2Json, parseDecoderConfig } from '../engine/families.ts';
import { normal, seedFor } from '../random.ts';
import type { NewTokenizer } from '../tokenizer/new-tokenizer.ts';
import { specialTokens } from '../tokenizer/new-tokenizer.ts';
import type { RenderFormat } from '../tokenizer/render.ts';
import { plainFormat } from '../tokenizer/render.ts';
import type { PolicyFolder } from './folder.ts';
import { openPolicy } from './folder.ts';
import { writeFolderAside, writeJson } from './folder-aside.ts';
import { writeSafetensors } from './safetensors.ts';

const size = z.int().positive();

/** The shape of a fresh policy; its vocabulary comes from its tokenizer. */
export const policyShape = z.strictObject({
  hiddenSize: size.default(96).describe('Width of the residual stream.'),
  intermediateSize: size.default(256).describe('Width of the gated MLP.'),
  layers: size.default(3).describe('Number of layers.'),
  heads: size.default(4).describe('Query heads.'),
  keyValueHeads: size.default(2).describe('Key and value heads; a divisor of heads.'),
  headSize: size.multipleOf(2).default(24).describe('Width of a head.'),
  maxPositions: size.default(1024).describe('Longest row in tokens.'),
  slidingWindow: size.default(512).describe('Window of the even layers in tokens.'),
  ropeTheta: z.number().positive().default(10000).describe('Base of the rotary positions.'),
});
type PolicyShape = z.output<typeof policyShape>;

export interface NewPolicyOptions {
  /** Where the folder is made; what is there is replaced. */
  readonly path: string;
  readonly shape: PolicyShape;
  readonly tokenizer: NewTokenizer;
  /** Decides the weights. */
  readonly seed: number;
  /** How conversations are rendered; kept in the folder. */
  readonly format?: RenderFormat;
}

/** Makes the folder and opens it. Throws `ConfigError` where the shape is inconsistent. */
export async function makePolicy(options: NewPolicyOptions): Promise<PolicyFolder> {
  const { shape, tokenizer, format = plainFormat } = options;
  const { slidingWindow: window, ...sizes } = shape;
  const config = gemma2Decoder({ vocabSize: tokenizer.vocabularySize, window, ...sizes });
  const [pad, eos, bos] = [0, 1, 2];
  const json = gemma2Json(config, { pad, eos, bos });
  parseDecoderConfig(json, 'the shape of the new policy');
  const shapes = tensorShapes(config);
  const weights = initialWeights(config, options.seed);
  await writeFolderAside(options.path, async (folder) => {
    await writeFile(join(folder, 'config.json'), configText(json), { flush: true });
    await writeJson(join(folder, 'tokenizer.json'), tokenizer.json);
    await writeJson(join(folder, 'tokenizer_config.json'), {
      tokenizer_class: 'PreTrainedTokenizerFast',
      pad_token: specialTokens[pad],
      eos_token: specialTokens[eos],
      bos_token: specialTokens[bos],
      clean_up_tokenization_spaces: false,
      model_max_length: config.maxPositions,
      swirl: format,
    });
    const endOfTurn = specialTokens.indexOf('<end_of_turn>');
    await writeJson(join(folder, 'generation_config.json'), {
      bos_token_id: bos,
      pad_token_id: pad,
      eos_token_id: [eos, endOfTurn],
    });
    const tensors = new Map(
      [...shapes].map(([name, dims]) => [
        name,
        { shape: dims, values: weights.get(name) ?? new Float32Array() },
      ]),
    );
    await writeSafetensors(join(folder, 'model.safetensors'), tensors);
  });
  return openPolicy(options.path);
}

/**
 * Random weights, a function of shape and seed. Projections keep the size of what they are given (standard
 * deviation 1 / sqrt(inputs)), and so does the embedding after its factor of sqrt(hidden). The norms after
 * attention and MLP start at 1 / sqrt(2 * layers), so that a token's own embedding makes up half of the
 * residual stream's variance however deep the decoder is.
 */
export function initialWeights(config: DecoderConfig, seed: number): Tensors {
  const weights: Tensors = new Map();
  for (const [name, shape] of tensorShapes(config)) {
    const values = new Float32Array(sizeOf(shape));
    if (shape.length === 2) {
      const key = seedFor(seed, `weights/${name}`);
      const deviation = 1 / Math.sqrt(shape[1]);
      for (let i = 0; i < values.length; i++) values[i] = deviation * normal(key, i);
    } else if (name.includes('post_')) {
      values.fill(1 / Math.sqrt(2 * config.layers) - 1);
    }
    weights.set(name, values);
  }
  return weights;
}
