/**
 * What the benchmarks against other trainers share: a decoder of given sizes, a batch, a training step, and
 * how answers and rounds are compared.
 */
import { type DecoderConfig, sizeOf, tensorShapes } from '../../src/engine/config.ts';
import type { AdamWOptions, Engine, PackedRows, Tensors } from '../../src/engine/engine.ts';
import { type DecoderSizes, parseDecoderConfig } from '../../src/engine/families.ts';
import { packRows } from '../../src/engine/rows.ts';
import { normal, seedFor, uniform } from '../../src/random.ts';

export interface BenchDecoder {
  /** config.json, for whoever opens the same decoder from its folder. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly config: DecoderConfig;
}

/** A decoder of these sizes; Gemma 2's head is tied, and its window is half of the context. */
export function benchDecoder(family: 'gemma2' | 'llama', sizes: DecoderSizes): BenchDecoder {
  const gemma = {
    architectures: ['Gemma2ForCausalLM'],
    hidden_activation: 'gelu_pytorch_tanh',
    query_pre_attn_scalar: sizes.headSize,
    sliding_window: sizes.maxPositions / 2,
    attn_logit_softcapping: 50,
    final_logit_softcapping: 30,
    tie_word_embeddings: true,
  };
  const llama = { architectures: ['LlamaForCausalLM'], hidden_act: 'silu', tie_word_embeddings: false };
  const json = {
    model_type: family,
    vocab_size: sizes.vocabSize,
    hidden_size: sizes.hiddenSize,
    intermediate_size: sizes.intermediateSize,
    num_hidden_layers: sizes.layers,
    num_attention_heads: sizes.heads,
    num_key_value_heads: sizes.keyValueHeads,
    head_dim: sizes.headSize,
    max_position_embeddings: sizes.maxPositions,
    rms_norm_eps: 1e-6,
    rope_theta: 10000,
    torch_dtype: 'float32',
    pad_token_id: 0,
    bos_token_id: 1,
    eos_token_id: 2,
    ...(family === 'gemma2' ? gemma : llama),
  };
  return {
    json,
    config: parseDecoderConfig(json, `a decoder of ${sizes.layers} layers of ${sizes.hiddenSize}`),
  };
}

/** Random weights that keep the size of what passes through them; norms multiply by about 1. */
export function benchWeights(config: DecoderConfig): Tensors {
  return new Map(
    [...tensorShapes(config)].map(([name, shape]) => {
      const key = seedFor(1, name);
      const norm = shape.length === 1 && name.includes('norm');
      const deviation = shape.length === 1 ? 0.05 : 1 / Math.sqrt(shape[1]);
      const mean = norm ? 1 - config.normOffset : 0;
      return [
        name,
        Float32Array.from({ length: sizeOf(shape) }, (_, i) => mean + deviation * normal(key, i)),
      ];
    }),
  );
}

export function parameterCount(config: DecoderConfig): number {
  return [...tensorShapes(config).values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
}

export function randomTokens(seed: number, count: number, vocabSize: number): number[] {
  const key = seedFor(seed, 'tokens');
  return Array.from({ length: count }, (_, i) => Math.floor(uniform(key, i) * vocabSize));
}

/** Rows of random tokens, all of them targets but each row's first. */
export function benchRows(rows: number, rowTokens: number, vocabSize: number): PackedRows {
  return packRows(
    Array.from({ length: rows }, (_, row) => ({
      tokens: randomTokens(row, rowTokens, vocabSize),
      targets: Array.from({ length: rowTokens - 1 }, (_, i) => i + 1),
    })),
  );
}

export const benchAdamW: AdamWOptions = {
  ...{ learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, clipNorm: 1 },
};

/** Forward, backward and an update; the mean loss before it, in nats per target. */
export async function trainingStep(engine: Engine, rows: PackedRows): Promise<number> {
  const logprobs = await engine.forward(rows);
  await engine.backward(new Float32Array(logprobs.length).fill(1 / logprobs.length));
  await engine.update(benchAdamW);
  return -logprobs.reduce((sum, logprob) => sum + logprob, 0) / logprobs.length;
}

/** Throws unless the largest difference is at most a share of the largest number. */
export function agree(
  what: string,
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): void {
  let furthest = found.length === expected.length ? 0 : Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]));
    furthest = Math.max(furthest, Math.abs(found[i] - expected[i]));
  }
  if (!(furthest <= tolerance * largest)) {
    throw new Error(`${what}: differs by ${furthest}, of ${largest}; there is nothing to time`);
  }
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Tokens per second of two that alternated: medians, their ratio, and the range of the rounds' ratios. */
export function compareRounds(
  tokens: number,
  ours: readonly number[],
  theirs: readonly number[],
): { readonly ours: number; readonly theirs: number; readonly ratio: number; readonly range: string } {
  const ratios = ours.map((seconds, round) => theirs[round] / seconds);
  const [quick, slow] = [tokens / median(ours), tokens / median(theirs)];
  return {
    ours: quick,
    theirs: slow,
    ratio: quick / slow,
    range: `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`,
  };
}

/** What this many tokens took in a round, in seconds: by the clock, and of all processors together. */
export interface Took {
  readonly clock: number;
  readonly processors: number;
}

/** What `work` took here, a `steps`th of it. */
export async function tookOf(steps: number, work: () => Promise<unknown>): Promise<Took> {
  const before = process.cpuUsage();
  const started = performance.now();
  for (let i = 0; i < steps; i++) await work();
  const { user, system } = process.cpuUsage(before);
  return { clock: (performance.now() - started) / 1000 / steps, processors: (user + system) / 1e6 / steps };
}

/**
 * Two that alternated, for people: medians by the clock, and by the processor time, to which other work on
 * the machine adds little; that is the fairer one for a software adapter on a busy machine.
 */
export function roundsText(
  tokens: number,
  { ours, theirs, rival }: { ours: readonly Took[]; theirs: readonly Took[]; rival: string },
): string {
  const per = (what: keyof Took) => {
    const [here, there] = [ours, theirs].map((rounds) => tokens / median(rounds.map((took) => took[what])));
    return { here: here.toFixed(0), there: there.toFixed(0), ratio: (here / there).toFixed(2) };
  };
  const [clock, processors] = [per('clock'), per('processors')];
  return (
    `${clock.here} tokens/s here, ${rival} ${clock.there}, ratio ${clock.ratio}; ` +
    `in a second of one processor ${processors.here}, ${processors.there}, ratio ${processors.ratio}`
  );
}
