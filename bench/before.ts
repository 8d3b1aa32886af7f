/**
 * Scoring and a training step with the kernels of an earlier commit and with today's, in turn in one process; the
 * losses of two steps are compared first. Medians of the rounds, by the clock and by the processor's time. The earlier
 * engine is read out of a worktree of that commit, which takes this one's packages:
 *
 *   git worktree add ../before 90df82b && ln -s "$PWD/node_modules" ../before/node_modules
 *   npx tsx bench/before.ts ../before [demo] [lab] [medium] [llama] [smollm2]
 */
import { realpathSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
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
  type Took,
  tookOf,
  trainingStep,
} from './rivals/decoder.ts';

interface Case {
  readonly decoder: BenchDecoder;
  readonly rows: readonly [rows: number, rowTokens: number];
  readonly lora: LoraShape | null;
  readonly rounds: number;
}

const lora: LoraShape = { rank: 8, scale: 2, targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj'] };

const cases: Readonly<Record<string, () => Case>> = {
  demo: () => ({
    decoder: benchDecoder('gemma2', {
      ...{ vocabSize: 192, hiddenSize: 64, intermediateSize: 128, layers: 2 },
      ...{ heads: 4, keyValueHeads: 2, headSize: 16, maxPositions: 512 },
    }),
    ...{ rows: [16, 64], lora: null, rounds: 41 },
  }),
  ...Object.fromEntries(
    ['lab', 'medium', 'llama'].map((name) => [
      name,
      () => ({ ...benchCases[name](), lora: null, rounds: 15 }),
    ]),
  ),
  // A fifth of the layers: all are alike, and so is the head's share of the work by their number.
  smollm2: () => ({
    decoder: benchDecoder('llama', {
      ...{ vocabSize: 9832, hiddenSize: 576, intermediateSize: 1536, layers: 6 },
      ...{ heads: 9, keyValueHeads: 3, headSize: 64, maxPositions: 512 },
    }),
    ...{ rows: [2, 64], lora, rounds: 5 },
  }),
};

const [folder, ...asked] = process.argv.slice(2);
if (folder === undefined) throw new Error('expected the folder of a worktree of an earlier commit');
const earlier = await engineOf(realpathSync(folder));
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
  if (!found) throw new Error(`expected some of ${Object.keys(cases).join(', ')}, found ${name}`);
  const { decoder, rows, lora, rounds } = found();
  const { json, config } = decoder;
  const [weights, batch] = [benchWeights(config), benchRows(...rows, config.vocabSize)];
  const options = lora ? { lora, frozen: 'bf16' as const } : {};
  const before = await earlier(json, new Map(weights), options);
  const now = await createWebGpuEngine(config, new Map(weights), options);
  if (lora) for (const engine of [before, now]) await engine.setWeights(initialAdapters(config, lora, 5));
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
      for (const [n, engine] of [before, now].entries()) took[n].push(await tookOf(1, () => work(engine)));
    }
    const of = (key: keyof Took) => {
      const [then, here] = took.map((all) => 1000 * median(all.map((one) => one[key])));
      return `${then.toFixed(1)} ms before, ${here.toFixed(1)} now, ratio ${(then / here).toFixed(2)}`;
    };
    console.log(`  ${what} by the clock ${of('clock')}\n  ${what} by processor time ${of('processors')}`);
  };
  await inTurn('scoring', (engine) => engine.forward(batch));
  await inTurn('a training step', (engine) => trainingStep(engine, batch));
  await before.close();
  await now.close();
}
