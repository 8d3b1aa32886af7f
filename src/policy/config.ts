/**
 * The decoder's shape, as a Hugging Face `config.json` gives it. What the engine cannot do is refused here,
 * by name, and never guessed.
 */
import { z } from 'zod';
import { ConfigError } from '../errors.ts';

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

/** A tensor's name and shape, by its Hugging Face name. */
export type TensorShapes = ReadonlyMap<string, readonly number[]>;

const count = z.int().positive();
const cap = z.number().positive().nullable();

/** Keys of config.json that shape the decoder; defaults are those of transformers' `Gemma2Config`. */
const gemma2Json = z.looseObject({
  vocab_size: count.max(2 ** 24),
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count.max(1024),
  num_attention_heads: count,
  num_key_value_heads: count,
  head_dim: count.default(256),
  hidden_activation: z.string().nullish(),
  hidden_act: z.string().nullish(),
  max_position_embeddings: count.default(8192),
  rms_norm_eps: z.number().positive().default(1e-6),
  tie_word_embeddings: z.boolean().default(true),
  rope_theta: z.number().positive().nullish(),
  rope_scaling: z.unknown().optional(),
  rope_parameters: z
    .looseObject({ rope_type: z.string().nullish(), rope_theta: z.number().positive().nullish() })
    .nullish(),
  attention_bias: z.boolean().default(false),
  query_pre_attn_scalar: z.number().positive().default(256),
  sliding_window: count.nullable().default(4096),
  layer_types: z.array(z.string()).nullish(),
  final_logit_softcapping: cap.default(30),
  attn_logit_softcapping: cap.default(50),
  use_bidirectional_attention: z.boolean().nullish(),
});

/**
 * Checks a parsed config.json and returns the decoder's shape. `where` names the file in errors. Throws
 * `ConfigError` for what is malformed, inconsistent or not supported.
 */
export function parseDecoderConfig(json: unknown, where: string): DecoderConfig {
  const family = z.looseObject({ model_type: z.string() }).safeParse(json);
  if (!family.success) {
    throw new ConfigError(
      `${where}: expected a JSON object with "model_type", a string, as Hugging Face writes it.`,
    );
  }
  if (family.data.model_type !== 'gemma2') {
    throw new ConfigError(
      `${where}: expected "model_type" to be "gemma2", found ${JSON.stringify(family.data.model_type)}. ` +
        'Swirl trains Gemma 2 decoders; choose such a policy, or make one with new-policy.',
    );
  }
  const parsed = gemma2Json.safeParse(json);
  if (!parsed.success) throw new ConfigError(`${where}: ${z.prettifyError(parsed.error)}`);
  const c = parsed.data;
  const refuse = (key: string, expected: string, found: unknown): never => {
    throw new ConfigError(`${where}: expected "${key}" to be ${expected}, found ${JSON.stringify(found)}.`);
  };

  const activation = c.hidden_activation ?? c.hidden_act ?? 'gelu_pytorch_tanh';
  if (activation !== 'gelu_pytorch_tanh') refuse('hidden_activation', '"gelu_pytorch_tanh"', activation);
  if (!c.tie_word_embeddings) refuse('tie_word_embeddings', 'true (Gemma 2 ties its head)', false);
  if (c.attention_bias) refuse('attention_bias', 'false', true);
  if (c.use_bidirectional_attention) refuse('use_bidirectional_attention', 'false (a causal decoder)', true);
  if (c.rope_scaling !== undefined && c.rope_scaling !== null) refuse('rope_scaling', 'null', c.rope_scaling);
  const ropeType = c.rope_parameters?.rope_type ?? 'default';
  if (ropeType !== 'default') refuse('rope_parameters.rope_type', '"default"', ropeType);
  if (c.head_dim % 2 !== 0) refuse('head_dim', 'even (rotary positions turn pairs)', c.head_dim);
  if (c.num_attention_heads % c.num_key_value_heads !== 0) {
    refuse(
      'num_key_value_heads',
      `a divisor of num_attention_heads (${c.num_attention_heads})`,
      c.num_key_value_heads,
    );
  }
  if (c.layer_types) {
    const expected = Array.from({ length: c.num_hidden_layers }, (_, layer) => layerType(layer));
    if (JSON.stringify(expected) !== JSON.stringify(c.layer_types)) {
      refuse('layer_types', `alternating from "sliding_attention", ${expected.length} in all`, c.layer_types);
    }
  }
  return {
    family: 'gemma2',
    vocabSize: c.vocab_size,
    hiddenSize: c.hidden_size,
    intermediateSize: c.intermediate_size,
    layers: c.num_hidden_layers,
    heads: c.num_attention_heads,
    keyValueHeads: c.num_key_value_heads,
    headSize: c.head_dim,
    maxPositions: c.max_position_embeddings,
    ropeTheta: c.rope_parameters?.rope_theta ?? c.rope_theta ?? 10000,
    normEpsilon: c.rms_norm_eps,
    queryPreAttnScalar: c.query_pre_attn_scalar,
    slidingWindow: c.sliding_window ?? c.max_position_embeddings,
    attentionCap: c.attn_logit_softcapping,
    logitCap: c.final_logit_softcapping,
    tiedHead: true,
  };
}

/** The config.json of a decoder: what `parseDecoderConfig` reads and transformers opens. */
export function toConfigJson(
  config: DecoderConfig,
  special: { readonly pad: number; readonly bos: number; readonly eos: number },
): Record<string, unknown> {
  return {
    architectures: ['Gemma2ForCausalLM'],
    model_type: 'gemma2',
    torch_dtype: 'float32',
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.keyValueHeads,
    head_dim: config.headSize,
    hidden_activation: 'gelu_pytorch_tanh',
    max_position_embeddings: config.maxPositions,
    rms_norm_eps: config.normEpsilon,
    rope_theta: config.ropeTheta,
    attention_bias: false,
    attention_dropout: 0,
    query_pre_attn_scalar: config.queryPreAttnScalar,
    sliding_window: config.slidingWindow,
    attn_logit_softcapping: config.attentionCap,
    final_logit_softcapping: config.logitCap,
    tie_word_embeddings: config.tiedHead,
    pad_token_id: special.pad,
    bos_token_id: special.bos,
    eos_token_id: special.eos,
  };
}

/**
 * The text of a config.json. Caps are written with a fraction (`30.0`): transformers 5 refuses a whole number where it
 * declares a float, and JSON.stringify drops the fraction.
 */
export function configText(json: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(json, null, 2);
  return `${text.replace(/("\w+_softcapping": \d+)(?=[,\n])/g, '$1.0')}\n`;
}

/** Whether a layer (from 0) attends only to its window. */
export function isSliding(layer: number): boolean {
  return layer % 2 === 0;
}

/**
 * Every tensor of the decoder, in the order of the forward pass. Projections are (out, in), as stored; the
 * head is the embedding.
 */
export function tensorShapes(config: DecoderConfig): TensorShapes {
  const { hiddenSize: c, intermediateSize: f } = config;
  const q = config.heads * config.headSize;
  const kv = config.keyValueHeads * config.headSize;
  const shapes = new Map<string, readonly number[]>();
  shapes.set('model.embed_tokens.weight', [config.vocabSize, c]);
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `model.layers.${layer}`;
    shapes.set(`${name}.input_layernorm.weight`, [c]);
    shapes.set(`${name}.self_attn.q_proj.weight`, [q, c]);
    shapes.set(`${name}.self_attn.k_proj.weight`, [kv, c]);
    shapes.set(`${name}.self_attn.v_proj.weight`, [kv, c]);
    shapes.set(`${name}.self_attn.o_proj.weight`, [c, q]);
    shapes.set(`${name}.post_attention_layernorm.weight`, [c]);
    shapes.set(`${name}.pre_feedforward_layernorm.weight`, [c]);
    shapes.set(`${name}.mlp.gate_proj.weight`, [f, c]);
    shapes.set(`${name}.mlp.up_proj.weight`, [f, c]);
    shapes.set(`${name}.mlp.down_proj.weight`, [c, f]);
    shapes.set(`${name}.post_feedforward_layernorm.weight`, [c]);
  }
  shapes.set('model.norm.weight', [c]);
  return shapes;
}

function layerType(layer: number): string {
  return isSliding(layer) ? 'sliding_attention' : 'full_attention';
}

/**
 * Throws `ConfigError` unless exactly these tensors are there, with as many numbers as their shapes say.
 * `what` names them in the message.
 */
export function checkTensors(
  tensors: ReadonlyMap<string, { readonly length: number }>,
  shapes: TensorShapes,
  what: string,
): void {
  for (const [name, shape] of shapes) {
    const expected = shape.reduce((product, n) => product * n, 1);
    const found = tensors.get(name)?.length;
    if (found === undefined)
      throw new ConfigError(`${what}: expected a tensor ${name} (${shape.join(', ')}), found none`);
    if (found !== expected) {
      throw new ConfigError(
        `${what}: expected ${expected} numbers in ${name} (${shape.join(', ')}), found ${found}`,
      );
    }
  }
  for (const name of tensors.keys()) {
    if (!shapes.has(name))
      throw new ConfigError(`${what}: found a tensor ${name} that the policy's shape does not have`);
  }
}
