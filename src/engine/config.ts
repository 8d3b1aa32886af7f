/**
 * The decoder as data: every size and every choice in which the families differ. `families.ts` reads it from
 * a Hugging Face `config.json`; engines know no family, only this.
 */
import { ConfigError } from '../errors.ts';

export const FAMILIES = ['gemma2', 'gemma3', 'gemma3_text', 'llama', 'qwen2', 'qwen3'] as const;

/** `model_type` in config.json. `gemma3` is `gemma3_text` within a model that also sees (its `text_config`). */
export type Family = (typeof FAMILIES)[number];

/** A layer's linear maps, by their Hugging Face names, in the order of the forward pass. */
export const PROJECTIONS = [
  'q_proj',
  'k_proj',
  'v_proj',
  'o_proj',
  'gate_proj',
  'up_proj',
  'down_proj',
] as const;

export type Projection = (typeof PROJECTIONS)[number];

/** How positions beyond those of the original training are turned; see `rope.ts`. */
export type RopeScaling =
  | { readonly kind: 'linear'; readonly factor: number }
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalPositions: number;
    }
  | {
      readonly kind: 'yarn';
      readonly factor: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      readonly originalPositions: number;
      /** Multiplies cosines and sines. */
      readonly attentionFactor: number;
      /** Whether the ramp begins and ends at whole dimensions. */
      readonly truncate: boolean;
    };

export interface DecoderConfig {
  readonly family: Family;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  readonly maxPositions: number;
  readonly ropeTheta: number;
  readonly ropeScaling: RopeScaling | null;
  /** The base in layers with a window, without a scaling (Gemma 3); null: as in the others. */
  readonly windowRopeTheta: number | null;
  readonly normEpsilon: number;
  /** Norms multiply by this plus their weight: 1 in Gemma, 0 elsewhere. */
  readonly normOffset: 0 | 1;
  /** Whether attention and feed-forward are normed again before they join the residual stream (Gemma 2). */
  readonly postNorms: boolean;
  /** Whether queries and keys are normed, head by head, before they are turned (Qwen 3, Gemma 3). */
  readonly queryKeyNorms: boolean;
  /** Which projections have a bias. */
  readonly biases: readonly Projection[];
  /** Of the feed-forward's gate; `gelu` in its tanh form. */
  readonly activation: 'gelu' | 'silu';
  /** Multiplies the embeddings. */
  readonly embeddingScale: number;
  /** Multiplies attention scores. */
  readonly attentionScale: number;
  /** Of each layer: a token sees itself and the window - 1 before it; null: all before it. */
  readonly windows: readonly (number | null)[];
  /** Soft caps, `cap * tanh(x / cap)`; null: none. */
  readonly attentionCap: number | null;
  readonly logitCap: number | null;
  /** Whether the head is the embedding. */
  readonly tiedHead: boolean;
}

/** A tensor's name and shape, by its Hugging Face name. */
export type TensorShapes = ReadonlyMap<string, readonly number[]>;

/**
 * The names of a layer's norm weights, by what they do. A family without post-norms names the second norm
 * otherwise.
 */
export function layerNorms(config: Pick<DecoderConfig, 'postNorms'>): {
  readonly attention: string;
  readonly afterAttention: string | null;
  readonly feedForward: string;
  readonly afterFeedForward: string | null;
} {
  if (!config.postNorms) {
    return {
      attention: 'input_layernorm',
      afterAttention: null,
      feedForward: 'post_attention_layernorm',
      afterFeedForward: null,
    };
  }
  return {
    attention: 'input_layernorm',
    afterAttention: 'post_attention_layernorm',
    feedForward: 'pre_feedforward_layernorm',
    afterFeedForward: 'post_feedforward_layernorm',
  };
}

/** A projection's full name in a layer, without `.weight`: `model.layers.3.self_attn.q_proj`. */
export function projectionName(layer: number, projection: Projection): string {
  const part = ['gate_proj', 'up_proj', 'down_proj'].includes(projection) ? 'mlp' : 'self_attn';
  return `model.layers.${layer}.${part}.${projection}`;
}

/** Output and input size of a projection: the shape of its weight. */
export function projectionShape(config: DecoderConfig, projection: Projection): readonly [number, number] {
  const { hiddenSize, intermediateSize } = config;
  const queries = config.heads * config.headSize;
  const keys = config.keyValueHeads * config.headSize;
  switch (projection) {
    case 'q_proj':
      return [queries, hiddenSize];
    case 'k_proj':
    case 'v_proj':
      return [keys, hiddenSize];
    case 'o_proj':
      return [hiddenSize, queries];
    case 'gate_proj':
    case 'up_proj':
      return [intermediateSize, hiddenSize];
    case 'down_proj':
      return [hiddenSize, intermediateSize];
  }
}

/** The head's tensor; of a tied head the embedding. */
export function headName(config: Pick<DecoderConfig, 'tiedHead'>): string {
  return config.tiedHead ? 'model.embed_tokens.weight' : 'lm_head.weight';
}

/** Every tensor of the decoder, in the order of the forward pass. Projections are (out, in), as stored. */
export function tensorShapes(config: DecoderConfig): TensorShapes {
  const { hiddenSize: c } = config;
  const norms = layerNorms(config);
  const shapes = new Map<string, readonly number[]>();
  shapes.set('model.embed_tokens.weight', [config.vocabSize, c]);
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `model.layers.${layer}`;
    const norm = (norm: string | null) => {
      if (norm !== null) shapes.set(`${name}.${norm}.weight`, [c]);
    };
    const project = (projection: Projection) => {
      const shape = projectionShape(config, projection);
      shapes.set(`${projectionName(layer, projection)}.weight`, shape);
      if (config.biases.includes(projection))
        shapes.set(`${projectionName(layer, projection)}.bias`, [shape[0]]);
    };
    norm(norms.attention);
    for (const projection of PROJECTIONS.slice(0, 3)) project(projection);
    if (config.queryKeyNorms) {
      shapes.set(`${name}.self_attn.q_norm.weight`, [config.headSize]);
      shapes.set(`${name}.self_attn.k_norm.weight`, [config.headSize]);
    }
    project('o_proj');
    norm(norms.afterAttention);
    norm(norms.feedForward);
    for (const projection of PROJECTIONS.slice(4)) project(projection);
    norm(norms.afterFeedForward);
  }
  shapes.set('model.norm.weight', [c]);
  if (!config.tiedHead) shapes.set('lm_head.weight', [config.vocabSize, c]);
  return shapes;
}

/** How many numbers a tensor of this shape holds. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
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
    const expected = sizeOf(shape);
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
