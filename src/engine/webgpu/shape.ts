/**
 * The decoder's sizes as WGSL constants, and the helpers that several kernels share: put before every kernel.
 */
import type { DecoderConfig } from '../config.ts';
import { paddedConfig } from './padding.ts';

/** Sizes that kernels and dispatches must agree on; those ending in 4 count vec4. */
export interface Shape {
  readonly qSize: number;
  readonly kvSize: number;
  readonly qkvSize: number;
  /** Query heads per key head. */
  readonly group: number;
  /** Norm weights in a layer, and in the policy: all layers' and the last. */
  readonly layerNorms: number;
  readonly norms: number;
  /** Lanes of a workgroup in attention, and how many tokens that is. */
  readonly attentionLanes: number;
  readonly queryBlock: number;
  /** Tokens (one a lane) of a workgroup in the keys' backward pass. */
  readonly keyBlock: number;
  /** Tokens whose share of a norm's gradient one invocation adds up. */
  readonly normChunk: number;
  /** How many numbers norms have, padding left out. */
  readonly normed: { readonly hidden: number; readonly head: number };
  /** How many numbers a weight's gradient may have on its way, in panels; 0 on GPUs, which take none. */
  readonly gradientRoom: number;
  /** Neighboring pairs that one invocation rotates. */
  readonly ropePairs: 2 | 4;
}

/** Columns of the vocabulary that a sampler weighs together, but for the last. */
export const spanColumns = 64;

/** Of a decoder, whose sizes are padded on the device (padding.ts). */
export function shapeOf(decoder: DecoderConfig, software: boolean): Shape {
  // A software driver's vectors have 4 to 16 lanes, a GPU's 32 or 64.
  const lanes = software ? 8 : 32;
  const config = paddedConfig(decoder);
  const group = config.heads / config.keyValueHeads;
  const layerNorms = config.postNorms ? 4 : 2;
  const queryBlock = Math.max(1, Math.floor(lanes / group));
  return {
    qSize: config.heads * config.headSize,
    kvSize: config.keyValueHeads * config.headSize,
    qkvSize: (config.heads + 2 * config.keyValueHeads) * config.headSize,
    group,
    layerNorms,
    norms: layerNorms * config.layers + 1,
    attentionLanes: queryBlock * group,
    queryBlock,
    keyBlock: lanes,
    normChunk: 64,
    normed: { hidden: decoder.hiddenSize, head: decoder.headSize },
    gradientRoom: software ? 2 ** 20 : 0,
    ropePairs: config.headSize % 8 === 0 ? 4 : 2,
  };
}

/** The text that goes before every kernel; `config` has the sizes on the device. */
export function shapeSource(config: DecoderConfig, shape: Shape): string {
  const counts: Record<string, number> = {
    HIDDEN: config.hiddenSize,
    NORMED: shape.normed.hidden,
    HIDDEN4: config.hiddenSize / 4,
    INTERMEDIATE4: config.intermediateSize / 4,
    HEADS: config.heads,
    KV_HEADS: config.keyValueHeads,
    GROUP: shape.group,
    HEAD_SIZE: config.headSize,
    HEAD_NORMED: shape.normed.head,
    HEAD4: config.headSize / 4,
    Q_SIZE: shape.qSize,
    Q_SIZE4: shape.qSize / 4,
    KV_SIZE: shape.kvSize,
    KV_SIZE4: shape.kvSize / 4,
    QKV_SIZE: shape.qkvSize,
    NORMS: shape.norms,
    NORM_CHUNK: shape.normChunk,
    SPAN: spanColumns,
    PAIRS: shape.ropePairs,
    ATTENTION_LANES: shape.attentionLanes,
    KEY_LANES: shape.keyBlock,
    NONE: 0xffffffff,
  };
  const numbers: Record<string, number> = {
    EPSILON: config.normEpsilon,
    NORM_OFFSET: config.normOffset,
    EMBED_SCALE: config.embeddingScale,
    ATTENTION_SCALE: config.attentionScale,
    ATTENTION_CAP: config.attentionCap ?? 0,
    LOGIT_CAP: config.logitCap ?? 0,
  };
  return [
    ...Object.entries(counts).map(([name, value]) => `const ${name} = ${value}u;`),
    ...Object.entries(numbers).map(([name, value]) => `const ${name} = f32(${Math.fround(value)});`),
    `const POST_NORMS = ${config.postNorms};`,
    `const SILU = ${config.activation === 'silu'};`,
    `alias Pairs = vec${shape.ropePairs}f;`,
    // Cosines and sines of so many pairs, which lie two by two.
    `fn turnsOf(a: vec4f, b: vec4f) -> array<Pairs, 2> {
  return array(${shape.ropePairs === 4 ? 'vec4f(a.xz, b.xz), vec4f(a.yw, b.yw)' : 'a.xz, a.yw'});
}`,
    helpers,
  ].join('\n');
}

const helpers = `
// How much of a batch there is, of what the buffers could hold.
struct Batch {
  tokens: u32,
  targets: u32,
  segments: u32,
  chunks: u32,
  // Always 0. Added to the bound of a long loop it keeps drivers from unrolling it whole: lavapipe's compiler
  // then takes minutes, and what comes out is slower.
  zero: u32,
}

// What the matmul kernels are told, whichever kernel multiplies; written by matmul.ts. x is (M, IN) and y is
// (M, OUT), or their gradients: columns of matrices, so many vec4 from row to row, from the given one on. The
// weight's gradient always adds.
struct MatmulCall {
  in4: u32,
  out4: u32,
  xStride4: u32,
  xAt4: u32,
  yStride4: u32,
  yAt4: u32,
  overTargets: u32,
  add: u32,
  scale: f32,
}

// cap * tanh(x / cap); cap 0: none. Clamped, for drivers whose tanh overflows.
fn softCap(x: f32, cap: f32) -> f32 {
  if (cap == 0) { return x; }
  return cap * tanh(clamp(x / cap, -15, 15));
}

// The same of four.
fn softCap4(x: vec4f, cap: f32) -> vec4f {
  if (cap == 0) { return x; }
  return cap * tanh(clamp(x / cap, vec4f(-15), vec4f(15)));
}

// The slope of softCap at the x that gave this capped value.
fn softCapSlope(capped: f32, cap: f32) -> f32 {
  if (cap == 0) { return 1; }
  let ratio = capped / cap;
  return 1 - ratio * ratio;
}

fn softCapSlope4(capped: vec4f, cap: f32) -> vec4f {
  if (cap == 0) { return vec4f(1); }
  let ratio = capped / cap;
  return 1 - ratio * ratio;
}

// The tanh of the approximate GELU (arXiv 1606.08415); clamped, for drivers whose tanh overflows.
fn bend(x: vec4f) -> vec4f {
  return tanh(clamp(0.7978845608 * (x + 0.044715 * x * x * x), vec4f(-15), vec4f(15)));
}

// Clamped, because an exponent that overflows need not be infinite.
fn sigmoid(x: vec4f) -> vec4f {
  return 1 / (1 + exp(-clamp(x, vec4f(-80), vec4f(80))));
}

// The query that a lane of attention has.
struct Asked {
  token: u32,
  position: u32,
  head: u32,
  inside: bool,
}

// In a block of tokens (first, count, any, first position) the heads that share a key head, token by token. A
// lane beyond the block has its first token, and writes nothing.
fn askedBy(lane: u32, block: vec4u, keyHead: u32) -> Asked {
  let offset = lane / GROUP;
  let inside = offset < block.y;
  let at = select(0, offset, inside);
  return Asked(block.x + at, block.w + at, keyHead * GROUP + lane % GROUP, inside);
}

// The first position that a token sees; window 0: all.
fn windowStart(position: u32, window: u32) -> u32 {
  return select(0, position + 1 - window, window != 0 && position + 1 > window);
}
`;
