/**
 * The index arrays of one batch: who attends to whom, who predicts what, where each token's gradient goes.
 */
import type { PackedRows } from '../../engine.ts';
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
    ['tokens', Uint32Array.from(input.tokens)],
    ['positions', Uint32Array.from(input.positions)],
    ['bases', Uint32Array.from(input.bases)],
    ['targets', Uint32Array.from(input.targets)],
    ['inverseTemperatures', inverseTemperatures(input)],
    ['queryBlocks', queryBlocks],
  ]);
  const sizes = { tokens, targets: input.targets.length, queryBlocks: queryBlocks.length / 4 };
  if (!options.backward) return { sizes: { ...sizes, segments: 0, chunks: 0, keyBlocks: 0 }, arrays };

  const ends = rowEnds(input.positions);
  const keyBlocks = blocksOf(input, shape.keyBlock, (first) => ends[first]);
  const targetOf = new Uint32Array(tokens).fill(none);
  for (const [m, target] of input.targets.entries()) targetOf[target - 1] = m;
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

/** (M) the bits of 1 / temperature of each target. */
function inverseTemperatures({ targets, temperatures }: BatchInput): Uint32Array<ArrayBuffer> {
  const inverses = Float32Array.from(targets, (_, m) => 1 / (temperatures?.[m] ?? 1));
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
  const blocks: number[] = [];
  for (let first = 0; first < tokens.length; ) {
    // Both must go on: neighbors in a batch of samples may have consecutive positions in different slots.
    const goesOn = (n: number, count: number) =>
      positions[n] === positions[first] + count && bases[n] === bases[first];
    let count = 1;
    while (count < size && first + count < tokens.length && goesOn(first + count, count)) count++;
    blocks.push(first, count, third(first), positions[first]);
    first += count;
  }
  return Uint32Array.from(blocks);
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
  const order = Uint32Array.from(tokens.keys()).sort((a, b) => tokens[a] - tokens[b] || a - b);
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
