/**
 * Reads a Hugging Face `config.json` into a `DecoderConfig`, family by family. Defaults are those of
 * transformers' configuration classes. What the engine cannot do is refused here, by name, and never guessed.
 */
import { z } from 'zod';
import { ConfigError } from '../errors.ts';
import type { DecoderConfig, Family, Projection } from './config.ts';
import { FAMILIES } from './config.ts';
import { type Refuse, ropeJson, ropeScalingOf, withOneRope } from './rope-json.ts';

const count = z.int().positive();
const cap = z.number().positive().nullable();

/** Keys that all families have. */
const common = z.looseObject({
  vocab_size: count.max(2 ** 24),
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count.max(1024),
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  hidden_act: z.string().nullish(),
  hidden_activation: z.string().nullish(),
  max_position_embeddings: count.nullish(),
  rms_norm_eps: z.number().positive().default(1e-6),
  tie_word_embeddings: z.boolean().nullish(),
  rope_theta: z.number().positive().nullish(),
  rope_local_base_freq: z.number().positive().nullish(),
  rope_scaling: ropeJson,
  rope_parameters: ropeJson,
  partial_rotary_factor: z.number().nullish(),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  sliding_window: count.nullish(),
  sliding_window_pattern: count.nullish(),
  _sliding_window_pattern: count.nullish(),
  use_sliding_window: z.boolean().default(false),
  max_window_layers: z.int().nonnegative().default(28),
  layer_types: z.array(z.string()).nullish(),
  use_bidirectional_attention: z.boolean().nullish(),
  query_pre_attn_scalar: z.number().positive().default(256),
  final_logit_softcapping: cap.optional(),
  attn_logit_softcapping: cap.optional(),
});

type Json = z.output<typeof common>;

/** What a family decides by itself. */
type Choices = Pick<
  DecoderConfig,
  | 'normOffset'
  | 'postNorms'
  | 'queryKeyNorms'
  | 'windowRopeTheta'
  | 'biases'
  | 'embeddingScale'
  | 'attentionScale'
  | 'attentionCap'
  | 'logitCap'
> & {
  /** Window of the layers that slide, and which do where `layer_types` does not say. */
  readonly window: number | null;
  readonly slides: (layer: number) => boolean;
  readonly defaults: {
    readonly activation: string;
    readonly headSize: number;
    readonly keyValueHeads: number;
    readonly maxPositions: number;
    readonly ropeTheta?: number;
    readonly tiedHead: boolean;
  };
};

const attentionProjections: readonly Projection[] = ['q_proj', 'k_proj', 'v_proj', 'o_proj'];
const mlpProjections: readonly Projection[] = ['gate_proj', 'up_proj', 'down_proj'];

/** What Llama and its descendants have in common. */
function llamaLike(c: Json, headSize: number): Choices {
  return {
    normOffset: 0,
    postNorms: false,
    queryKeyNorms: false,
    windowRopeTheta: null,
    biases: c.attention_bias ? attentionProjections : [],
    embeddingScale: 1,
    attentionScale: 1 / Math.sqrt(c.head_dim ?? headSize),
    attentionCap: null,
    logitCap: null,
    window: null,
    slides: () => false,
    defaults: {
      activation: 'silu',
      headSize,
      keyValueHeads: c.num_attention_heads,
      maxPositions: 2048,
      tiedHead: false,
    },
  };
}

/** Qwen slides only where it is told to, in its upper layers. */
function qwenLike(c: Json, headSize: number): Choices {
  const llama = llamaLike(c, headSize);
  return {
    ...llama,
    window: c.use_sliding_window ? (c.sliding_window ?? 4096) : null,
    slides: (layer) => layer >= c.max_window_layers,
    defaults: { ...llama.defaults, keyValueHeads: 32, maxPositions: 32768 },
  };
}

/** What Gemma 2 and 3 have in common: Gemma 2. */
function gemmaLike(c: Json) {
  return {
    normOffset: 1,
    postNorms: true,
    queryKeyNorms: false,
    windowRopeTheta: null,
    biases: c.attention_bias ? attentionProjections : [],
    embeddingScale: Math.sqrt(c.hidden_size),
    attentionScale: 1 / Math.sqrt(c.query_pre_attn_scalar),
    attentionCap: c.attn_logit_softcapping === undefined ? 50 : c.attn_logit_softcapping,
    logitCap: c.final_logit_softcapping === undefined ? 30 : c.final_logit_softcapping,
    window: c.sliding_window === undefined ? 4096 : c.sliding_window,
    slides: (layer) => layer % 2 === 0,
    defaults: {
      activation: 'gelu_pytorch_tanh',
      headSize: 256,
      keyValueHeads: 4,
      maxPositions: 8192,
      tiedHead: true,
    },
  } satisfies Choices;
}

function gemma3(c: Json): Choices {
  const gemma = gemmaLike(c);
  const every = c.sliding_window_pattern ?? c._sliding_window_pattern ?? 6;
  return {
    ...gemma,
    queryKeyNorms: true,
    windowRopeTheta: c.rope_local_base_freq ?? 10000,
    attentionCap: c.attn_logit_softcapping ?? null,
    logitCap: c.final_logit_softcapping ?? null,
    slides: (layer) => (layer + 1) % every !== 0,
    defaults: { ...gemma.defaults, maxPositions: 131072, ropeTheta: 1e6 },
  };
}

/** Sizes that transformers' Gemma3TextConfig has: published `text_config`s leave out those that are as here. */
const gemma3Sizes = {
  vocab_size: 262208,
  hidden_size: 2304,
  intermediate_size: 9216,
  num_hidden_layers: 26,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  head_dim: 256,
};

/** The decoder's part of a parsed config.json: of a model that also sees its `text_config`, with what that leaves out. */
export function decoderJson(json: unknown): unknown {
  const inner = z.looseObject({ model_type: z.literal('gemma3'), text_config: z.looseObject({}) });
  const whole = inner.safeParse(json).data;
  if (whole === undefined) return json;
  return { tie_word_embeddings: whole.tie_word_embeddings ?? true, ...gemma3Sizes, ...whole.text_config };
}

const families: Readonly<Record<Family, (c: Json) => Choices>> = {
  gemma2: gemmaLike,
  gemma3,
  gemma3_text: gemma3,
  llama: (c) => {
    const llama = llamaLike(c, c.hidden_size / c.num_attention_heads);
    return { ...llama, biases: [...llama.biases, ...(c.mlp_bias ? mlpProjections : [])] };
  },
  qwen2: (c) => ({
    ...qwenLike(c, c.hidden_size / c.num_attention_heads),
    biases: ['q_proj', 'k_proj', 'v_proj'],
  }),
  qwen3: (c) => ({ ...qwenLike(c, 128), queryKeyNorms: true }),
};

/**
 * Checks a parsed config.json and returns the decoder's shape. `where` names the file in errors. Throws
 * `ConfigError` for what is malformed, inconsistent or not supported.
 */
export function parseDecoderConfig(json: unknown, where: string): DecoderConfig {
  const head = z.looseObject({ model_type: z.string() }).safeParse(json);
  if (!head.success) {
    throw new ConfigError(
      `${where}: expected a JSON object with "model_type", a string, as Hugging Face writes it.`,
    );
  }
  const family = FAMILIES.find((name) => name === head.data.model_type);
  if (family === undefined) {
    throw new ConfigError(
      `${where}: expected "model_type" to be one of ${FAMILIES.map((name) => `"${name}"`).join(', ')}, found ` +
        `${JSON.stringify(head.data.model_type)}. Swirl trains these families of decoders; choose such a policy, or make one with new-policy.`,
    );
  }
  const refuse: Refuse = (key, expected, found) => {
    throw new ConfigError(`${where}: expected "${key}" to be ${expected}, found ${JSON.stringify(found)}.`);
  };
  const decoder = decoderJson(head.data);
  if (family === 'gemma3' && decoder === head.data)
    refuse('text_config', 'an object', head.data.text_config ?? null);
  const parsed = common.safeParse(families[family] === gemma3 ? withOneRope(decoder, refuse) : decoder);
  if (!parsed.success) throw new ConfigError(`${where}: ${z.prettifyError(parsed.error)}`);
  return decoderOf(family, parsed.data, refuse);
}

function decoderOf(family: Family, c: Json, refuse: Refuse): DecoderConfig {
  const { window, slides, defaults, ...choices } = families[family](c);
  const headSize = c.head_dim ?? defaults.headSize;
  const keyValueHeads = c.num_key_value_heads ?? defaults.keyValueHeads;
  const maxPositions = c.max_position_embeddings ?? defaults.maxPositions;
  if (!Number.isInteger(headSize) || headSize % 2 !== 0) {
    refuse('head_dim', 'even (rotary positions turn pairs)', headSize);
  }
  if (c.num_attention_heads % keyValueHeads !== 0) {
    refuse(
      'num_key_value_heads',
      `a divisor of num_attention_heads (${c.num_attention_heads})`,
      keyValueHeads,
    );
  }
  if (c.use_bidirectional_attention) refuse('use_bidirectional_attention', 'false (a causal decoder)', true);
  return {
    family,
    vocabSize: c.vocab_size,
    hiddenSize: c.hidden_size,
    intermediateSize: c.intermediate_size,
    layers: c.num_hidden_layers,
    heads: c.num_attention_heads,
    keyValueHeads,
    headSize,
    maxPositions,
    ropeTheta: c.rope_parameters?.rope_theta ?? c.rope_theta ?? defaults.ropeTheta ?? 10000,
    ropeScaling: ropeScalingOf(c, maxPositions, refuse),
    normEpsilon: c.rms_norm_eps,
    ...choices,
    activation: activationOf(c.hidden_activation ?? c.hidden_act ?? defaults.activation, refuse),
    windows: windowsOf(c, { window, slides }, refuse),
    tiedHead: c.tie_word_embeddings ?? defaults.tiedHead,
  };
}

function activationOf(name: string, refuse: Refuse): DecoderConfig['activation'] {
  if (name === 'gelu_pytorch_tanh' || name === 'gelu_new') return 'gelu';
  if (name === 'silu' || name === 'swish') return 'silu';
  return refuse('hidden_act', '"silu" or "gelu_pytorch_tanh"', name);
}

function windowsOf(
  c: Json,
  { window, slides }: Pick<Choices, 'window' | 'slides'>,
  refuse: Refuse,
): (number | null)[] {
  const layers = Array.from({ length: c.num_hidden_layers }, (_, layer) => layer);
  const types =
    c.layer_types ?? layers.map((layer) => (slides(layer) ? 'sliding_attention' : 'full_attention'));
  const known = types.every((type) => type === 'sliding_attention' || type === 'full_attention');
  if (types.length !== layers.length || !known) {
    refuse('layer_types', `${layers.length} of "sliding_attention" and "full_attention"`, types);
  }
  return types.map((type) => (type === 'sliding_attention' ? window : null));
}

/** The sizes that every decoder has. */
export type DecoderSizes = Pick<
  DecoderConfig,
  | 'vocabSize'
  | 'hiddenSize'
  | 'intermediateSize'
  | 'layers'
  | 'heads'
  | 'keyValueHeads'
  | 'headSize'
  | 'maxPositions'
>;

/** The sizes of a Gemma 2 decoder; the rest follows, or is as Google's checkpoints have it. */
export type Gemma2Sizes = DecoderSizes & {
  readonly window: number;
  readonly ropeTheta?: number;
  readonly normEpsilon?: number;
  readonly attentionCap?: number | null;
  readonly logitCap?: number | null;
  /** Attention scores are divided by the square root of this; the head size otherwise. */
  readonly queryPreAttnScalar?: number;
};

/** A Gemma 2 decoder of these sizes: the window on even layers, both caps. */
export function gemma2Decoder(sizes: Gemma2Sizes): DecoderConfig {
  const { window, queryPreAttnScalar = sizes.headSize, ...rest } = sizes;
  return {
    family: 'gemma2',
    ropeTheta: 10000,
    ropeScaling: null,
    normEpsilon: 1e-6,
    normOffset: 1,
    postNorms: true,
    queryKeyNorms: false,
    windowRopeTheta: null,
    biases: [],
    activation: 'gelu',
    embeddingScale: Math.sqrt(sizes.hiddenSize),
    attentionScale: 1 / Math.sqrt(queryPreAttnScalar),
    windows: Array.from({ length: sizes.layers }, (_, layer) => (layer % 2 === 0 ? window : null)),
    attentionCap: 50,
    logitCap: 30,
    tiedHead: true,
    ...rest,
  };
}

/** The config.json of a Gemma 2 decoder: what `parseDecoderConfig` reads and transformers opens. */
export function gemma2Json(
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
    query_pre_attn_scalar: Math.round(1 / config.attentionScale ** 2),
    sliding_window: config.windows[0],
    attn_logit_softcapping: config.attentionCap,
    final_logit_softcapping: config.logitCap,
    tie_word_embeddings: config.tiedHead,
    pad_token_id: special.pad,
    bos_token_id: special.bos,
    eos_token_id: special.eos,
  };
}

/**
 * The text of a config.json. Caps are written with a fraction (`30.0`): transformers 5 refuses a whole number
 * where it declares a float, and JSON.stringify drops the fraction.
 */
export function configText(json: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(json, null, 2);
  return `${text.replace(/("\w+_softcapping": \d+)(?=[,\n])/g, '$1.0')}\n`;
}
