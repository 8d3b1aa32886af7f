/**
 * Packed against unpacked training at five steps a trajectory: one row for all steps of a trajectory, or a
 * row for each. The gradients are compared first. On WebGPU where there is an adapter, otherwise on the
 * float64 reference.
 *
 *   npx tsx bench/packing.ts
 */

import { cpus } from 'node:os';
import type { Engine, Tensors } from '../src/engine/engine.ts';
import { gemma2Decoder } from '../src/engine/families.ts';
import { createReferenceEngine } from '../src/engine/reference/engine.ts';
import { DeviceError } from '../src/errors.ts';
import { uniform } from '../src/random.ts';
import { updateConfig } from '../src/train/config.ts';
import { microBatches } from '../src/train/micro-batches.ts';
import type { Row, TrainStep } from '../src/train/packing.ts';
import { benchWeights } from './rivals/decoder.ts';

const STEPS = 5;

interface Lengths {
  readonly name: string;
  readonly trajectories: number;
  /** Tokens of the question, of an action and of an observation. */
  readonly question: number;
  readonly action: number;
  readonly observation: number;
}

/**
 * Means: of the laboratory's trajectories, and of GSM8K's 274 solutions of five steps among the first 1,500
 * (1,024 tokens of BPE).
 */
const KINDS: readonly Lengths[] = [
  { name: 'laboratory', trajectories: 16, question: 16, action: 10, observation: 12 },
  { name: 'GSM8K', trajectories: 6, question: 94, action: 33, observation: 10 },
];
const ROUNDS = 5;

/** About the size of the laboratory's policy. */
const decoder = gemma2Decoder({
  vocabSize: 192,
  hiddenSize: 96,
  intermediateSize: 384,
  layers: 3,
  heads: 4,
  keyValueHeads: 2,
  headSize: 24,
  maxPositions: 512,
  window: 512,
});

async function openEngine(weights: Tensors): Promise<Engine> {
  try {
    const { createWebGpuEngine } = await import('../src/engine/webgpu/engine.ts');
    return await createWebGpuEngine(decoder, weights);
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    console.log(`no WebGPU adapter (${error.message}): on the float64 reference`);
    return createReferenceEngine(decoder, weights);
  }
}

/** One row with all steps, as the train stage packs a trajectory. */
function packedRow(trajectory: number, { question, action, observation }: Lengths): Row {
  const length = question + STEPS * action + (STEPS - 1) * observation;
  const tokens = Array.from({ length }, (_, i) =>
    Math.floor(uniform(BigInt(trajectory), i) * decoder.vocabSize),
  );
  const steps = Array.from({ length: STEPS }, (_, index) => ({
    id: `q${trajectory}/0/${index}`,
    reward: index - 1.5,
    // Only an advantage asks what was packed.
    of: { reward: { value: index - 1.5 } } as TrainStep,
    start: question + index * (action + observation),
    length: action,
    recorded: null,
    temperature: 1,
  }));
  return { tokens, steps };
}

/** The same steps, each in a row of its own. */
function unpackedRows({ tokens, steps }: Row): Row[] {
  return steps.map((step) => ({ tokens: tokens.slice(0, step.start + step.length), steps: [step] }));
}

async function passes(rows: readonly Row[]): Promise<void> {
  const count = rows.reduce((sum, row) => sum + row.steps.length, 0);
  for (const { rows: pass, steps } of microBatches(rows, microBatchTokens)) {
    await engine.forward(pass);
    await engine.backward(
      Float32Array.from(steps.flatMap((step) => new Array(step.length).fill(step.reward / count))),
    );
  }
}

/** Moves no weight, and clears the gradient. */
const still = { learningRate: 0, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 };

async function gradientOf(rows: readonly Row[]): Promise<Tensors> {
  await passes(rows);
  const gradients = await engine.gradients();
  await engine.update(still);
  return gradients;
}

/** The largest difference of two gradients, as a share of the largest number in them. */
function difference(a: Tensors, b: Tensors): number {
  let largest = 0;
  let furthest = 0;
  for (const [name, values] of a) {
    for (const [i, x] of values.entries()) {
      largest = Math.max(largest, Math.abs(x));
      furthest = Math.max(furthest, Math.abs(x - (b.get(name)?.[i] ?? Number.NaN)));
    }
  }
  return furthest / largest;
}

/** Milliseconds of the passes of one batch, until the gradient is there. */
async function timed(rows: readonly Row[]): Promise<number> {
  const start = performance.now();
  await passes(rows);
  await engine.update(still);
  return performance.now() - start;
}

const median = (numbers: readonly number[]) =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
const tokensOf = (rows: readonly Row[]) => rows.reduce((sum, { tokens }) => sum + tokens.length, 0);

const { microBatchTokens } = updateConfig.parse({});
const engine = await openEngine(benchWeights(decoder));
console.log(
  `${engine.device}; Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}; ${decoder.layers} layers of ${decoder.hiddenSize}, ` +
    `${STEPS} steps a trajectory`,
);
for (const kind of KINDS) {
  const count = engine.device.startsWith('reference') ? 2 : kind.trajectories;
  const packed = Array.from({ length: count }, (_, i) => packedRow(i, kind));
  const unpacked = packed.flatMap(unpackedRows);
  const apart = difference(await gradientOf(packed), await gradientOf(unpacked));
  if (!(apart < 1e-3)) throw new Error(`the gradients differ by ${apart} of their largest number`);

  const times = { packed: [] as number[], unpacked: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    times.unpacked.push(await timed(unpacked));
    times.packed.push(await timed(packed));
  }
  const [fast, slow] = [median(times.packed), median(times.unpacked)];
  const tokens = [tokensOf(packed), tokensOf(unpacked)] as const;
  console.log(
    `${kind.name}: ${count} trajectories, ${tokens[0]} tokens packed, ${tokens[1]} unpacked (${(tokens[1] / tokens[0]).toFixed(2)} times as many); ` +
      `gradients agree to ${apart.toExponential(1)} of their largest number\n` +
      `  packed ${fast.toFixed(0)} ms, unpacked ${slow.toFixed(0)} ms (medians of ${ROUNDS}): ${(slow / fast).toFixed(2)} times as fast, ` +
      `${((tokens[0] / fast) * 1000).toFixed(0)} tokens/s of packed rows`,
  );
}
await engine.close();
