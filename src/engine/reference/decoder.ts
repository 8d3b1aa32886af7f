/**
 * The decoder in float64, from token ids to the hidden states before the head, and back: two mirrored lists.
 * N tokens, C hidden size. The same forward pass serves training (keys and values of the pass itself) and
 * sampling (keys and values in a cache). In what families differ is data: a norm without a name is none, and
 * each tensor that has a gradient gets one.
 */
import type { DecoderConfig, Projection } from '../config.ts';
import { layerNorms } from '../config.ts';
import { rotationIn } from '../rope.ts';
import type { AttentionRows, AttentionShape } from './attention.ts';
import { attention, attentionBackward, entryOf } from './attention.ts';
import { gated, gatedBackward } from './gated.ts';
import { addInto } from './matmul.ts';
import { type NormShape, rmsNorm, rmsNormBackward } from './norm.ts';
import { project, projectBackward } from './projection.ts';
import { rotate } from './rope.ts';
import { type AdaptedDecoder, tensor, type Weights } from './weights.ts';

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
  /** (N, heads * headSize) and (N, keyValueHeads * headSize) before their norms, where there are any. */
  readonly rawQ: Float64Array;
  readonly rawK: Float64Array;
  /** (N, heads * headSize), normed and turned. */
  readonly q: Float64Array;
  /** (N, keyValueHeads * headSize), normed and turned, or the cache. */
  readonly keys: Float64Array;
  readonly values: Float64Array;
  /** (N, heads * headSize) */
  readonly attended: Float64Array;
  /** Before its norm, where there is one. */
  readonly attentionOutput: Float64Array;
  readonly middle: Float64Array;
  readonly mlpInput: Float64Array;
  /** (N, intermediateSize) each. */
  readonly gate: Float64Array;
  readonly up: Float64Array;
  readonly product: Float64Array;
  /** Before its norm, where there is one. */
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
  decoder: AdaptedDecoder,
  batch: DecoderBatch,
  caches?: readonly LayerCache[],
): DecoderPass {
  const embedding = tensor(weights, 'model.embed_tokens.weight');
  const { hiddenSize: c, embeddingScale: scale } = decoder;
  let x = new Float64Array(batch.tokens.length * c);
  for (let n = 0; n < batch.tokens.length; n++) {
    for (let i = 0; i < c; i++) x[n * c + i] = embedding[batch.tokens[n] * c + i] * scale;
  }
  const layers: LayerActivations[] = [];
  for (let layer = 0; layer < decoder.layers; layer++) {
    const { activations, output } = layerForward(weights, decoder, layer, x, batch, caches?.[layer]);
    layers.push(activations);
    x = output;
  }
  const hidden = rmsNorm(x, tensor(weights, 'model.norm.weight'), normShape(decoder));
  return { batch, layers, last: x, hidden };
}

/** Adds to `gradients` (all that it holds, but the head's share), given dHidden (N, C). */
export function decoderBackward(
  weights: Weights,
  gradients: Weights,
  decoder: AdaptedDecoder,
  pass: DecoderPass,
  dHidden: Float64Array,
): void {
  const { batch } = pass;
  const norm = 'model.norm.weight';
  const inputs = { x: pass.last, w: tensor(weights, norm) };
  let dx = rmsNormBackward(dHidden, inputs, gradients.get(norm), normShape(decoder));
  for (let layer = decoder.layers - 1; layer >= 0; layer--) {
    dx = layerBackward(weights, gradients, decoder, layer, pass.layers[layer], batch, dx);
  }
  const dEmbedding = gradients.get('model.embed_tokens.weight');
  if (!dEmbedding) return;
  const { hiddenSize: c, embeddingScale: scale } = decoder;
  for (let n = 0; n < batch.tokens.length; n++) {
    for (let i = 0; i < c; i++) dEmbedding[batch.tokens[n] * c + i] += dx[n * c + i] * scale;
  }
}

function layerForward(
  weights: Weights,
  decoder: AdaptedDecoder,
  layer: number,
  input: Float64Array,
  batch: DecoderBatch,
  cache: LayerCache | undefined,
): { readonly activations: LayerActivations; readonly output: Float64Array<ArrayBuffer> } {
  const n = batch.tokens.length;
  const names = normNames(decoder);
  const rotation = rotationIn(decoder, layer);
  /** A copy where there is no such norm: what comes of it is changed in place. */
  const norm = (x: Float64Array, name: string | null) =>
    name === null ? x.slice() : rmsNorm(x, tensor(weights, weightName(layer, name)), normShape(decoder));
  const linear = (x: Float64Array, projection: Projection) =>
    project(x, weights, decoder, { layer, projection, n });

  const attentionInput = norm(input, names.attention);
  const rawQ = linear(attentionInput, 'q_proj');
  const rawK = linear(attentionInput, 'k_proj');
  const v = linear(attentionInput, 'v_proj');
  const q = norm(rawQ, names.queries);
  const k = norm(rawK, names.keys);
  rotate(q, batch.positions, rotation, 1);
  rotate(k, batch.positions, rotation, 1);
  const rows = cache ? { ...batch, ring: cache.ring } : batch;
  if (cache) store(cache, k, v, rows);
  const { keys, values } = cache ?? { keys: k, values: v };
  const attended = attention(q, keys, values, rows, attentionShape(decoder, layer));
  const attentionOutput = linear(attended, 'o_proj');
  const middle = norm(attentionOutput, names.afterAttention);
  addInto(middle, input);

  const mlpInput = norm(middle, names.feedForward);
  const gate = linear(mlpInput, 'gate_proj');
  const up = linear(mlpInput, 'up_proj');
  const product = gated(gate, up, decoder.activation);
  const mlpOutput = linear(product, 'down_proj');
  const output = norm(mlpOutput, names.afterFeedForward);
  addInto(output, middle);

  const activations = {
    ...{ input, attentionInput, rawQ, rawK, q, keys, values, attended, attentionOutput, middle },
    ...{ mlpInput, gate, up, product, mlpOutput },
  };
  return { activations, output };
}

function layerBackward(
  weights: Weights,
  gradients: Weights,
  decoder: AdaptedDecoder,
  layer: number,
  a: LayerActivations,
  batch: DecoderBatch,
  dOutput: Float64Array,
): Float64Array<ArrayBuffer> {
  const n = batch.tokens.length;
  const names = normNames(decoder);
  const rotation = rotationIn(decoder, layer);
  const norm = (dy: Float64Array, x: Float64Array, name: string | null) => {
    if (name === null) return dy.slice();
    const w = weightName(layer, name);
    return rmsNormBackward(dy, { x, w: tensor(weights, w) }, gradients.get(w), normShape(decoder));
  };
  const linear = (dy: Float64Array, x: Float64Array, projection: Projection) =>
    projectBackward({ dy, x }, { weights, gradients }, decoder, { layer, projection, n });

  const dMlpOutput = norm(dOutput, a.mlpOutput, names.afterFeedForward);
  const dProduct = linear(dMlpOutput, a.product, 'down_proj');
  const { dGate, dUp } = gatedBackward(dProduct, a, decoder.activation);
  const dMlpInput = linear(dUp, a.mlpInput, 'up_proj');
  addInto(dMlpInput, linear(dGate, a.mlpInput, 'gate_proj'));
  const dMiddle = norm(dMlpInput, a.middle, names.feedForward);
  addInto(dMiddle, dOutput);

  const dAttentionOutput = norm(dMiddle, a.attentionOutput, names.afterAttention);
  const dAttended = linear(dAttentionOutput, a.attended, 'o_proj');
  const { dq, dKeys, dValues } = attentionBackward(dAttended, a, batch, attentionShape(decoder, layer));
  rotate(dq, batch.positions, rotation, -1);
  rotate(dKeys, batch.positions, rotation, -1);
  const dRawQ = norm(dq, a.rawQ, names.queries);
  const dRawK = norm(dKeys, a.rawK, names.keys);
  const dAttentionInput = linear(dValues, a.attentionInput, 'v_proj');
  addInto(dAttentionInput, linear(dRawK, a.attentionInput, 'k_proj'));
  addInto(dAttentionInput, linear(dRawQ, a.attentionInput, 'q_proj'));
  const dInput = norm(dAttentionInput, a.input, names.attention);
  addInto(dInput, dMiddle);
  return dInput;
}

/** Every norm of a layer; those of queries and keys go head by head. */
function normNames(decoder: DecoderConfig) {
  const { queryKeyNorms } = decoder;
  return {
    ...layerNorms(decoder),
    queries: queryKeyNorms ? 'self_attn.q_norm' : null,
    keys: queryKeyNorms ? 'self_attn.k_norm' : null,
  };
}

function weightName(layer: number, name: string): string {
  return `model.layers.${layer}.${name}.weight`;
}

function normShape({ normEpsilon, normOffset }: DecoderConfig): NormShape {
  return { epsilon: normEpsilon, offset: normOffset };
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
