/**
 * The index arrays of one batch: who attends to whom, who predicts what, where each token's gradient goes.
 */
import type { PackedRows, SampleRequest } from '../../engine.ts';
import type { Shape } from '../shape.ts';

/** How much of a batch there is; workgroup counts follow from it. */
export interface BatchSizes {
  readonly tokens: number;
  readonly targets: number;
  /** Different tokens in the batch. */
  readonly segments: number;
  /** Chunks of tokens in the norms' gradients. */
  readonly chunks: number;
  readonly queryBlocks: number;
  readonly keyBlocks: number;
}

/** Tokens of one batch, as kernels take them. */
export interface BatchInput extends PackedRows {
  /**
   * (N) where the keys and values of the token's row begin: in training its first token, in sampling its
   * slot.
   */
  readonly bases: Int32Array;
}

export interface PreparedBatch {
  readonly sizes: BatchSizes;
  /** By the name of the buffer that they belong in. */
  readonly arrays: ReadonlyMap<BatchArray, Uint32Array<ArrayBuffer>>;
}

type BatchArray =
  | 'tokens'
  | 'positions'
  | 'bases'
  | 'targets'
  | 'inverseTemperatures'
  | 'queryBlocks'
  | 'targetOf'
  | 'keyBlocks'
  | 'segments'
  | 'order';

const none = 0xffffffff;

/** What the forward pass needs; with `backward`, what the backward pass needs as well. */
export function prepareBatch(input: BatchInput, shape: Shape, options: { backward: boolean }): PreparedBatch {
  const tokens = input.tokens.length;
  const queryBlocks = blocksOf(input, shape.queryBlock, (first) => input.bases[first]);
  const arrays = new Map<BatchArray, Uint32Array<ArrayBuffer>>([
    ['tokens', new Uint32Array(input.tokens)],
    ['positions', new Uint32Array(input.positions)],
    ['bases', new Uint32Array(input.bases)],
    ['targets', new Uint32Array(input.targets)],
    ['inverseTemperatures', inverseTemperatures(input)],
    ['queryBlocks', queryBlocks],
  ]);
  const sizes = { tokens, targets: input.targets.length, queryBlocks: queryBlocks.length / 4 };
  if (!options.backward) return { sizes: { ...sizes, segments: 0, chunks: 0, keyBlocks: 0 }, arrays };

  const ends = rowEnds(input.positions);
  const keyBlocks = blocksOf(input, shape.keyBlock, (first) => ends[first]);
  const targetOf = new Uint32Array(tokens).fill(none);
  for (let m = 0; m < input.targets.length; m++) targetOf[input.targets[m] - 1] = m;
  const { order, segments } = sortByToken(input.tokens);
  arrays.set('keyBlocks', keyBlocks).set('targetOf', targetOf).set('order', order).set('segments', segments);
  return {
    sizes: {
      ...sizes,
      segments: segments.length / 4,
      chunks: Math.ceil(tokens / shape.normChunk),
      keyBlocks: keyBlocks.length / 4,
    },
    arrays,
  };
}

/** How a target's token is drawn, with the random number at this position of the seed's sequence. */
export interface DrawInput extends Pick<SampleRequest, 'seed' | 'temperature' | 'topP' | 'topK'> {
  readonly position: number;
}

/** (M) what kernels/draw.wgsl is told of each target. */
export function prepareDraws(draws: readonly DrawInput[]): ArrayBuffer {
  const words = new Uint32Array(6 * draws.length);
  const numbers = new Float32Array(words.buffer);
  for (const [m, { seed, position, temperature, topP, topK }] of draws.entries()) {
    // The most likely token is the first in the order of likelihood.
    const greedy = temperature === 0;
    words.set([Number(seed & 0xffffffffn), Number((seed >> 32n) & 0xffffffffn), position], 6 * m);
    numbers[6 * m + 3] = greedy ? 1 : topP;
    words[6 * m + 4] = greedy ? 1 : topK;
  }
  return words.buffer;
}

/** (M) the bits of 1 / temperature of each target. */
function inverseTemperatures({ targets, temperatures }: BatchInput): Uint32Array<ArrayBuffer> {
  const inverses = new Float32Array(targets.length).fill(1);
  if (temperatures) for (let m = 0; m < targets.length; m++) inverses[m] = 1 / temperatures[m];
  return new Uint32Array(inverses.buffer);
}

/**
 * Cuts rows into blocks of at most `size` tokens: first token, count, `third(first token)`, first position.
 */
function blocksOf(
  { tokens, positions, bases }: BatchInput,
  size: number,
  third: (first: number) => number,
): Uint32Array<ArrayBuffer> {
  const blocks = new Uint32Array(4 * tokens.length);
  let filled = 0;
  for (let first = 0; first < tokens.length; ) {
    const [position, base] = [positions[first], bases[first]];
    const most = Math.min(size, tokens.length - first);
    let count = 1;
    // Both must go on: neighbors in a batch of samples may have consecutive positions in different slots.
    while (count < most && positions[first + count] === position + count && bases[first + count] === base)
      count++;
    blocks[filled++] = first;
    blocks[filled++] = count;
    blocks[filled++] = third(first);
    blocks[filled++] = position;
    first += count;
  }
  return blocks.slice(0, filled);
}

/** (N) the token after the last of the row that token n is in. */
function rowEnds(positions: Int32Array): Int32Array {
  const ends = new Int32Array(positions.length);
  let end = positions.length;
  for (let n = positions.length - 1; n >= 0; n--) {
    ends[n] = end;
    if (positions[n] === 0) end = n;
  }
  return ends;
}

/** Places of the tokens, sorted by id and then by place, and the segment of each id: id, first, end, 0. */
function sortByToken(tokens: Int32Array): {
  order: Uint32Array<ArrayBuffer>;
  segments: Uint32Array<ArrayBuffer>;
} {
  // As numbers, which are sorted many times as fast as by a function.
  const keys = new Float64Array(tokens.length);
  for (let n = 0; n < tokens.length; n++) keys[n] = tokens[n] * tokens.length + n;
  keys.sort();
  const order = new Uint32Array(tokens.length);
  for (let n = 0; n < tokens.length; n++) order[n] = keys[n] % tokens.length;
  const segments: number[] = [];
  for (let first = 0; first < order.length; ) {
    const token = tokens[order[first]];
    let end = first;
    while (end < order.length && tokens[order[end]] === token) end++;
    segments.push(token, first, end, 0);
    first = end;
  }
  return { order, segments: Uint32Array.from(segments) };
}
