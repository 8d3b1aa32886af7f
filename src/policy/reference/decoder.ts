/**
 * The Gemma 2 decoder in float64, from token ids to the hidden states before the head, and back: two mirrored
 * lists. N tokens, C hidden size. The same forward pass serves training (keys and values of the pass itself)
 * and sampling (keys and values in a cache).
 */
import type { DecoderConfig } from '../config.ts';
import type { AttentionRows, AttentionShape } from './attention.ts';
import { attention, attentionBackward, entryOf } from './attention.ts';
import { gated, gatedBackward } from './gated.ts';
import { rmsNorm, rmsNormBackward } from './norm.ts';
import { addInto, linear, linearBackward } from './product.ts';
import { rotate } from './rope.ts';

/** Tensors by their Hugging Face names, in float64. */
export type Weights = ReadonlyMap<string, Float64Array>;

export interface DecoderBatch extends AttentionRows {
  /** (N) token ids. */
  readonly tokens: Int32Array;
}

/** Keys and values of one layer, (slots * ring, keyValueHeads * headSize); `bases` are slots. */
export interface LayerCache {
  readonly ring: number;
  readonly keys: Float64Array;
  readonly values: Float64Array;
}

/** What the backward pass of a layer needs. (N, C) unless said. */
interface LayerActivations {
  readonly input: Float64Array;
  readonly attentionInput: Float64Array;
  /** (N, heads * headSize), turned. */
  readonly q: Float64Array;
  /** (N, keyValueHeads * headSize), turned, or the cache. */
  readonly keys: Float64Array;
  readonly values: Float64Array;
  /** (N, heads * headSize) */
  readonly attended: Float64Array;
  readonly attentionOutput: Float64Array;
  readonly middle: Float64Array;
  readonly mlpInput: Float64Array;
  /** (N, intermediateSize) each. */
  readonly gate: Float64Array;
  readonly up: Float64Array;
  readonly product: Float64Array;
  readonly mlpOutput: Float64Array;
}

export interface DecoderPass {
  readonly batch: DecoderBatch;
  readonly layers: readonly LayerActivations[];
  /** (N, C) the residual stream before the last norm. */
  readonly last: Float64Array;
  /** (N, C) what the head sees. */
  readonly hidden: Float64Array;
}

/** Runs the decoder; with `caches` (one per layer) keys and values are written there and read from there. */
export function decoderForward(
  weights: Weights,
  config: DecoderConfig,
  batch: DecoderBatch,
  caches?: readonly LayerCache[],
): DecoderPass {
  const embedding = tensor(weights, 'model.embed_tokens.weight');
  const c = config.hiddenSize;
  let x = new Float64Array(batch.tokens.length * c);
  for (let n = 0; n < batch.tokens.length; n++) {
    for (let i = 0; i < c; i++) x[n * c + i] = embedding[batch.tokens[n] * c + i] * Math.sqrt(c);
  }
  const layers: LayerActivations[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const { activations, output } = layerForward(weights, config, layer, x, batch, caches?.[layer]);
    layers.push(activations);
    x = output;
  }
  const hidden = rmsNorm(x, tensor(weights, 'model.norm.weight'), config.normEpsilon);
  return { batch, layers, last: x, hidden };
}

/** Adds to `gradients` (all tensors but the head's share of the embedding), given dHidden (N, C). */
export function decoderBackward(
  weights: Weights,
  gradients: Weights,
  config: DecoderConfig,
  pass: DecoderPass,
  dHidden: Float64Array,
): void {
  const { batch } = pass;
  const norm = 'model.norm.weight';
  let dx = rmsNormBackward(
    dHidden,
    pass.last,
    tensor(weights, norm),
    tensor(gradients, norm),
    config.normEpsilon,
  );
  for (let layer = config.layers - 1; layer >= 0; layer--) {
    dx = layerBackward(weights, gradients, config, layer, pass.layers[layer], batch, dx);
  }
  const dEmbedding = tensor(gradients, 'model.embed_tokens.weight');
  const c = config.hiddenSize;
  for (let n = 0; n < batch.tokens.length; n++) {
    for (let i = 0; i < c; i++) dEmbedding[batch.tokens[n] * c + i] += dx[n * c + i] * Math.sqrt(c);
  }
}

function layerForward(
  weights: Weights,
  config: DecoderConfig,
  layer: number,
  input: Float64Array,
  batch: DecoderBatch,
  cache: LayerCache | undefined,
): { readonly activations: LayerActivations; readonly output: Float64Array<ArrayBuffer> } {
  const w = (name: string) => tensor(weights, `model.layers.${layer}.${name}.weight`);
  const n = batch.tokens.length;
  const turn = { headSize: config.headSize, theta: config.ropeTheta, direction: 1 } as const;

  const attentionInput = rmsNorm(input, w('input_layernorm'), config.normEpsilon);
  const q = linear(attentionInput, w('self_attn.q_proj'), n);
  const k = linear(attentionInput, w('self_attn.k_proj'), n);
  const v = linear(attentionInput, w('self_attn.v_proj'), n);
  rotate(q, batch.positions, turn);
  rotate(k, batch.positions, turn);
  const rows = cache ? { ...batch, ring: cache.ring } : batch;
  if (cache) store(cache, k, v, rows);
  const { keys, values } = cache ?? { keys: k, values: v };
  const attended = attention(q, keys, values, rows, attentionShape(config, layer));
  const attentionOutput = linear(attended, w('self_attn.o_proj'), n);
  const middle = rmsNorm(attentionOutput, w('post_attention_layernorm'), config.normEpsilon);
  addInto(middle, input);

  const mlpInput = rmsNorm(middle, w('pre_feedforward_layernorm'), config.normEpsilon);
  const gate = linear(mlpInput, w('mlp.gate_proj'), n);
  const up = linear(mlpInput, w('mlp.up_proj'), n);
  const product = gated(gate, up);
  const mlpOutput = linear(product, w('mlp.down_proj'), n);
  const output = Float64Array.from(rmsNorm(mlpOutput, w('post_feedforward_layernorm'), config.normEpsilon));
  addInto(output, middle);

  const activations = {
    ...{ input, attentionInput, q, keys, values, attended, attentionOutput, middle },
    ...{ mlpInput, gate, up, product, mlpOutput },
  };
  return { activations, output };
}

function layerBackward(
  weights: Weights,
  gradients: Weights,
  config: DecoderConfig,
  layer: number,
  a: LayerActivations,
  batch: DecoderBatch,
  dOutput: Float64Array,
): Float64Array {
  const n = batch.tokens.length;
  const named = (name: string) => `model.layers.${layer}.${name}.weight`;
  const norm = (dy: Float64Array, x: Float64Array, name: string) =>
    rmsNormBackward(dy, x, tensor(weights, named(name)), tensor(gradients, named(name)), config.normEpsilon);
  const projection = (dy: Float64Array, x: Float64Array, name: string) =>
    linearBackward(dy, x, tensor(weights, named(name)), tensor(gradients, named(name)), n);
  const turnBack = { headSize: config.headSize, theta: config.ropeTheta, direction: -1 } as const;

  const dMlpOutput = norm(dOutput, a.mlpOutput, 'post_feedforward_layernorm');
  const dProduct = projection(dMlpOutput, a.product, 'mlp.down_proj');
  const { dGate, dUp } = gatedBackward(dProduct, a.gate, a.up);
  const dMlpInput = projection(dUp, a.mlpInput, 'mlp.up_proj');
  addInto(dMlpInput, projection(dGate, a.mlpInput, 'mlp.gate_proj'));
  const dMiddle = norm(dMlpInput, a.middle, 'pre_feedforward_layernorm');
  addInto(dMiddle, dOutput);

  const dAttentionOutput = norm(dMiddle, a.attentionOutput, 'post_attention_layernorm');
  const dAttended = projection(dAttentionOutput, a.attended, 'self_attn.o_proj');
  const { dq, dKeys, dValues } = attentionBackward(dAttended, a, batch, attentionShape(config, layer));
  rotate(dq, batch.positions, turnBack);
  rotate(dKeys, batch.positions, turnBack);
  const dAttentionInput = projection(dValues, a.attentionInput, 'self_attn.v_proj');
  addInto(dAttentionInput, projection(dKeys, a.attentionInput, 'self_attn.k_proj'));
  addInto(dAttentionInput, projection(dq, a.attentionInput, 'self_attn.q_proj'));
  const dInput = norm(dAttentionInput, a.input, 'input_layernorm');
  addInto(dInput, dMiddle);
  return dInput;
}

/** The named tensor; a missing one is a defect, for names are checked when weights are set. */
export function tensor(weights: Weights, name: string): Float64Array {
  const found = weights.get(name);
  if (!found) throw new Error(`no tensor ${name}`);
  return found;
}

function attentionShape(config: DecoderConfig, layer: number): AttentionShape {
  return {
    heads: config.heads,
    keyValueHeads: config.keyValueHeads,
    headSize: config.headSize,
    scale: config.attentionScale,
    cap: config.attentionCap,
    window: config.windows[layer] ?? Number.POSITIVE_INFINITY,
  };
}

function store(cache: LayerCache, k: Float64Array, v: Float64Array, rows: AttentionRows): void {
  const width = k.length / rows.positions.length;
  for (let n = 0; n < rows.positions.length; n++) {
    const to = entryOf(rows, n, rows.positions[n]) * width;
    cache.keys.set(k.subarray(n * width, (n + 1) * width), to);
    cache.values.set(v.subarray(n * width, (n + 1) * width), to);
  }
}
