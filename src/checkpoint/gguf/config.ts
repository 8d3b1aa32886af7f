/** The `config.json` that a GGUF file's metadata amount to. */
import { ConfigError } from '../../errors.ts';
import { familyOf, found } from './families.ts';
import type { GgufHeader, GgufValue } from './header.ts';

/** Positions that Llama 3.1 was first trained on, which its conversion does not keep. */
const LLAMA3 = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };

/**
 * `config.json` for the decoder of a file; `ropeFactors` are the numbers of its `rope_freqs.weight`, if it has
 * one. Throws `ConfigError` where a key is missing, or says what cannot be told in `config.json`.
 */
export function configJson(
  { metadata, tensors }: GgufHeader,
  path: string,
  ropeFactors: Float32Array | null,
): Record<string, unknown> {
  const { name, modelType } = familyOf(metadata, path);
  const value = (key: string) => metadata.get(`${name}.${key}`);
  const number = (key: string): number | undefined => {
    const given = value(key);
    if (given === undefined) return undefined;
    if (typeof given !== 'number')
      throw new ConfigError(`${path}: expected "${name}.${key}" to be a number, found ${found(given)}`);
    return shortest(given);
  };
  const needed = (key: string): number => {
    const given = number(key);
    if (given !== undefined) return given;
    throw new ConfigError(`${path}: expected "${name}.${key}" in its metadata, found none`);
  };
  const heads = needed('attention.head_count');
  const hidden = needed('embedding_length');
  const layers = needed('block_count');
  const headSize = number('attention.key_length') ?? number('rope.dimension_count') ?? hidden / heads;
  const theta = number('rope.freq_base') ?? 10000;
  const token = (key: string) => metadata.get(`tokenizer.ggml.${key}_token_id`);
  const vocabulary = tensors.get('token_embd.weight')?.shape[0];
  const common = {
    model_type: modelType,
    vocab_size: vocabulary,
    hidden_size: hidden,
    intermediate_size: needed('feed_forward_length'),
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: number('attention.head_count_kv') ?? heads,
    head_dim: headSize,
    max_position_embeddings: needed('context_length'),
    rms_norm_eps: needed('attention.layer_norm_rms_epsilon'),
    rope_theta: theta,
    tie_word_embeddings: !tensors.has('output.weight'),
    bos_token_id: token('bos'),
    eos_token_id: token('eos'),
    pad_token_id: token('padding'),
  };
  const scaling = ropeScaling({
    ...{ value, number, path, name },
    factors: ropeFactors,
    turns: { theta, headSize },
  });
  if (name === 'llama') {
    const bias = (tensor: string) => tensors.has(`blk.0.${tensor}.bias`);
    return { ...common, ...scaling, attention_bias: bias('attn_q'), mlp_bias: bias('ffn_up') };
  }
  if (!modelType.startsWith('gemma')) return { ...common, ...scaling };
  // The largest of both generations divide scores otherwise, as llama.cpp knows by their layers.
  const largest = layers === (name === 'gemma2' ? 46 : 62);
  return {
    ...common,
    ...scaling,
    hidden_activation: 'gelu_pytorch_tanh',
    query_pre_attn_scalar: largest ? hidden / heads : headSize,
    sliding_window: needed('attention.sliding_window'),
    attn_logit_softcapping: number('attn_logit_softcapping') ?? null,
    final_logit_softcapping: number('final_logit_softcapping') ?? null,
    ...(name === 'gemma3' ? { rope_local_base_freq: 10000 } : {}),
  };
}

interface Scaling {
  readonly value: (key: string) => GgufValue | undefined;
  readonly number: (key: string) => number | undefined;
  readonly path: string;
  readonly name: string;
  readonly factors: Float32Array | null;
  readonly turns: { readonly theta: number; readonly headSize: number };
}

/** How positions are stretched: by the metadata, or by a table of factors, of which Llama 3's is known. */
function ropeScaling({ value, number, path, name, factors, turns }: Scaling): Record<string, unknown> {
  if (factors) {
    const factor = shortest(factors.reduce((a, b) => Math.max(a, b), 1));
    if (factor === 1) return {};
    const expected = llama3Factors({ ...turns, factor });
    const same =
      expected.length === factors.length &&
      expected.every((each, i) => Math.abs(each / (factors[i] as number) - 1) < 1e-4);
    if (!same)
      throw new ConfigError(
        `${path}: expected rope_freqs.weight to be Llama 3's factors, found others: take the model's own folder`,
      );
    return { rope_scaling: { rope_type: 'llama3', factor, ...LLAMA3 } };
  }
  const type = value('rope.scaling.type');
  if (type === undefined || type === 'none') return {};
  const factor = number('rope.scaling.factor');
  const original = number('rope.scaling.original_context_length');
  if (type === 'linear' && factor !== undefined) return { rope_scaling: { rope_type: 'linear', factor } };
  if (type === 'yarn' && factor !== undefined && original !== undefined)
    return { rope_scaling: { rope_type: 'yarn', factor, original_max_position_embeddings: original } };
  throw new ConfigError(
    `${path}: expected "${name}.rope.scaling.type" to be none, linear or yarn with its factor, found ${found(type)}`,
  );
}

/** What Llama 3 divides each frequency by (transformers' `_compute_llama3_parameters`). */
function llama3Factors(of: { theta: number; headSize: number; factor: number }): number[] {
  const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: original } = LLAMA3;
  return Array.from({ length: of.headSize / 2 }, (_, i) => {
    const wavelength = 2 * Math.PI * of.theta ** ((2 * i) / of.headSize);
    if (wavelength < original / high) return 1;
    if (wavelength > original / low) return of.factor;
    const smooth = (original / wavelength - low) / (high - low);
    return 1 / ((1 - smooth) / of.factor + smooth);
  });
}

/** A number that was kept as f32, with as many digits as tell it from its neighbors: 0.00001. */
function shortest(value: number): number {
  if (Number.isInteger(value) || Math.fround(value) !== value) return value;
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
