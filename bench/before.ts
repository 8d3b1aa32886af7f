/**
 * Scoring, a training step and sampling with the engine of an earlier commit and with today's, in turn in one process;
 * the losses of two steps and what was sampled are compared first. Medians of the rounds, and the least, by the
 * clock and by the processor's time. The earlier engine is read out of a worktree of that commit, which takes this
 * one's packages:
 *
 *   git worktree add ../before 90df82b && ln -s "$PWD/node_modules" ../before/node_modules
 *   npx tsx bench/before.ts ../before [demo] [lab] [medium] [llama] [smollm2]
 *
 * Where no folder is named, today's engine without the kernels on subgroups takes its place.
 */
import { existsSync, realpathSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Engine, LoraShape } from '../src/engine/engine.ts';
import { initialAdapters } from '../src/engine/lora.ts';
import { createWebGpuEngine } from '../src/engine/webgpu/engine.ts';
import { benchCases } from './rivals/cases.ts';
import {
  agree,
  type BenchDecoder,
  benchDecoder,
  benchRows,
  benchWeights,
  median,
  randomTokens,
  type Took,
  tookOf,
  trainingStep,
} from './rivals/decoder.ts';

interface Case {
  readonly decoder: BenchDecoder;
  readonly rows: readonly [rows: number, rowTokens: number];
  readonly lora: LoraShape | null;
  /** Turns of each, and how often it does its work in one: who alternates step by step finds other caches. */
  readonly rounds: number;
  readonly steps: number;
}

/** Samples at once, the tokens of their prompts, and new ones. */
const [SAMPLES, PROMPT, NEW_TOKENS] = [64, 40, 16];

const lora: LoraShape = { rank: 8, scale: 2, targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj'] };

const cases: Readonly<Record<string, () => Case>> = {
  demo: () => ({
    decoder: benchDecoder('gemma2', {
      ...{ vocabSize: 192, hiddenSize: 64, intermediateSize: 128, layers: 2 },
      ...{ heads: 4, keyValueHeads: 2, headSize: 16, maxPositions: 512 },
    }),
    ...{ rows: [16, 64], lora: null, rounds: 9, steps: 8 },
  }),
  ...Object.fromEntries(
    ['lab', 'medium', 'llama'].map((name) => [
      name,
      () => ({ ...benchCases[name](), lora: null, rounds: 5, steps: 3 }),
    ]),
  ),
  // A fifth of the layers: all are alike, and so is the head's share of the work by their number.
  smollm2: () => ({
    decoder: benchDecoder('llama', {
      ...{ vocabSize: 9832, hiddenSize: 576, intermediateSize: 1536, layers: 6 },
      ...{ heads: 9, keyValueHeads: 3, headSize: 64, maxPositions: 512 },
    }),
    ...{ rows: [2, 64], lora, rounds: 5, steps: 1 },
  }),
};

const given = process.argv.slice(2);
const folder = given.find((argument) => existsSync(join(argument, 'src/engine')));
const asked = given.filter((argument) => argument !== folder);
const earlier = await engineOf(realpathSync(folder ?? fileURLToPath(new URL('..', import.meta.url))));
const kernels = folder === undefined ? { matmul: 'without-subgroups' } : {};
for (const name of asked.length > 0 ? asked : ['demo', 'lab', 'medium', 'smollm2']) await compare(name);

/** What makes engines in another worktree, which reads the shape and opens a device of its own. */
async function engineOf(root: string) {
  const load = (file: string) => import(pathToFileURL(join(root, 'src/engine', file)).href);
  const { parseDecoderConfig } = await load('families.ts');
  const { createWebGpuEngine: create } = await load('webgpu/engine.ts');
  return (json: BenchDecoder['json'], ...rest: unknown[]): Promise<Engine> =>
    create(parseDecoderConfig(json, 'the earlier engine'), ...rest);
}

async function compare(name: string): Promise<void> {
  const found = cases[name];
  if (!found) {
    throw new Error(
      `expected the folder of a worktree, or some of ${Object.keys(cases).join(', ')}, found ${name}`,
    );
  }
  const { decoder, rows, lora, rounds, steps } = found();
  const { json, config } = decoder;
  const [weights, batch] = [benchWeights(config), benchRows(...rows, config.vocabSize)];
  const options = lora ? { lora, frozen: 'bf16' as const } : {};
  const before = await earlier(json, new Map(weights), { ...options, ...kernels });
  const now = await createWebGpuEngine(config, new Map(weights), options);
  if (lora) for (const engine of [before, now]) await engine.setWeights(initialAdapters(config, lora, 5));
  const sampled = new Map(
    [before, now].map((engine) => [engine, samplesOf(engine, config.vocabSize)] as const),
  );
  const sample = async (engine: Engine) => (await sampled.get(engine)?.next())?.value ?? [];
  agree('samples', await sample(now), await sample(before), 0);
  const losses = async (engine: Engine) => [
    await trainingStep(engine, batch),
    await trainingStep(engine, batch),
  ];
  agree('losses of two steps', await losses(now), await losses(before), 1e-4);
  console.log(
    `${name}: ${config.family}, ${config.layers} layers of ${config.hiddenSize} x ${config.intermediateSize}, ${rows[0]} rows of ` +
      `${rows[1]} tokens${lora ? `, LoRA of rank ${lora.rank} on bf16` : ''}; ${now.device}, ${cpus()[0].model}, load ${loadavg()[0].toFixed(0)}`,
  );
  const inTurn = async (what: string, work: (engine: Engine) => Promise<unknown>) => {
    const took: Took[][] = [[], []];
    for (let round = 0; round < rounds; round++) {
      for (const [n, engine] of [before, now].entries())
        took[n].push(await tookOf(steps, () => work(engine)));
    }
    const of = (key: keyof Took) => {
      const all = took.map((rounds) => rounds.map((one) => 1000 * one[key]));
      const [then, here] = all.map(median);
      const [least, leastNow] = all.map((each) => Math.min(...each));
      return (
        `${then.toFixed(1)} ms before, ${here.toFixed(1)} now, ratio ${(then / here).toFixed(2)} ` +
        `(of the least ${(least / leastNow).toFixed(2)})`
      );
    };
    console.log(`  ${what} by the clock ${of('clock')}\n  ${what} by processor time ${of('processors')}`);
  };
  await inTurn('scoring', (engine) => engine.forward(batch));
  await inTurn('a training step', (engine) => trainingStep(engine, batch));
  await inTurn(`${SAMPLES} samples of ${NEW_TOKENS} tokens after ${PROMPT}`, sample);
  await before.close();
  await now.close();
}

/** Tokens of 64 samples at once, again and again; of prompts that no slot holds. */
async function* samplesOf(engine: Engine, vocabSize: number): AsyncGenerator<number[], never> {
  const sampler = engine.sampler({ slots: SAMPLES, maxLength: PROMPT + NEW_TOKENS });
  for (let first = 0; ; first += SAMPLES) {
    const samples = Array.from({ length: SAMPLES }, (_, i) =>
      sampler.sample({
        ...{ prompt: randomTokens(first + i, PROMPT, vocabSize), maxTokens: NEW_TOKENS },
        ...{ temperature: 1, topP: 1, topK: 0, stopTokens: [], seed: BigInt(i) },
      }),
    );
    yield (await Promise.all(samples)).flatMap(({ tokens }) => tokens);
  }
}
