/**
 * What each kernel has to do at least: floating-point operations of matmuls, bytes that everything else reads
 * and writes.
 */
import type { DecoderConfig } from '../../src/engine/config.ts';

/** A batch of rows of the same length. */
export interface BatchWork {
  readonly config: DecoderConfig;
  readonly rows: number;
  readonly rowTokens: number;
  readonly targets: number;
  /** Numbers that are trained. */
  readonly trained: number;
}

export type KernelWork = { readonly flops: number } | { readonly bytes: number };

/**
 * Of one dispatch of the kernel with this name, whose `Call` is `call`; nothing where nobody waits for it. A
 * multiply-add is two operations; what a kernel computes again is not counted a second time by the forward
 * pass, but by the backward pass, whose kernels need it.
 */
export function workOf(name: string, call: readonly number[], batch: BatchWork): KernelWork | undefined {
  const { config, rows, rowTokens, targets, trained } = batch;
  const n = rows * rowTokens;
  if (name.startsWith('matmul')) {
    const [in4, out4] = call;
    const overTargets = call[6] !== 0;
    return { flops: 2 * (overTargets ? targets : n) * 16 * in4 * out4 };
  }
  const window = Math.min(...config.windows.map((window) => window ?? rowTokens));
  // Only where rows are within the window are all layers alike.
  const pairs = window >= rowTokens ? (rows * rowTokens * (rowTokens + 1)) / 2 : Number.NaN;
  const perPair = 2 * config.heads * config.headSize * pairs;
  const c = config.hiddenSize;
  const i = config.intermediateSize;
  const v = config.vocabSize;
  const qkv = (config.heads + 2 * config.keyValueHeads) * config.headSize;
  const floats: Readonly<Record<string, number>> = {
    embed: 2 * n * c,
    'rms-norm': 2 * n * c,
    'rms-norm-backward': 4 * n * c,
    'add-norm': 4 * n * c,
    'add-norm-backward': 6 * n * c,
    rope: 2 * n * qkv,
    'rope-backward': 2 * n * qkv,
    gate: 3 * n * i,
    'gate-backward': 5 * n * i,
    'take-targets': 2 * targets * c,
    'take-targets-backward': (n + targets) * c,
    logprob: targets * v,
    'logprob-backward': 2 * targets * v,
    'norm-weight-gradient': 2 * n * c,
    'embed-backward': n * c + 2 * v * c,
    'square-sums': trained,
    adamw: 8 * trained,
  };
  const flops: Readonly<Record<string, number>> = {
    // Scores and the mix; scores, the gradient of weights and of queries; the same, and of keys and values.
    attention: 2 * perPair,
    'attention-backward-queries': 3 * perPair,
    'attention-backward-keys': 4 * perPair,
  };
  if (name in flops) return { flops: flops[name] };
  if (name in floats) return { bytes: 4 * floats[name] };
  return undefined;
}
