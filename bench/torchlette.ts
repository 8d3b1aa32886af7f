/**
 * Training against torchlette (github.com/vinhowe/torchlette, MIT; TypeScript on WebGPU): its GPT-2 and a
 * Gemma 2 of the same sizes here, on the same adapter, turn by turn. Gemma's feed-forward has three matrices
 * where GPT-2's has two, so that the work here is a little more. None of its code is here: it is run from a
 * checkout with its own dependencies.
 *
 *   git clone https://github.com/vinhowe/torchlette && cd torchlette && npm install --ignore-scripts
 *   --omit=dev --no-save TORCHLETTE=/path/to/torchlette npx tsx bench/torchlette.ts
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Device } from '../src/device/device.ts';
import { createReferenceEngine } from '../src/engine/reference/engine.ts';
import { createWebGpuEngine } from '../src/engine/webgpu/engine.ts';
import {
  agree,
  benchDecoder,
  benchRows,
  benchWeights,
  parameterCount,
  roundsText,
  type Took,
  tookOf,
  trainingStep,
} from './rivals/decoder.ts';
import { Worker } from './rivals/worker.ts';

const ROUNDS = 5;
const STEPS_HERE = 4;
const [ROWS, ROW_TOKENS, VOCAB] = [8, 128, 512];
const sizes = { vocabSize: VOCAB, hiddenSize: 128, intermediateSize: 512, layers: 4, heads: 4 };

const root = process.env.TORCHLETTE && resolve(process.env.TORCHLETTE);
if (!root || !existsSync(`${root}/examples/gpt2/model.ts`)) {
  console.log(
    `skipped: ${root ? `${root} is no checkout of torchlette` : 'TORCHLETTE names no checkout of torchlette'}. Get one with\n` +
      '  git clone https://github.com/vinhowe/torchlette && (cd torchlette && npm install --ignore-scripts --omit=dev --no-save)',
  );
} else {
  await main(root);
}

async function main(root: string): Promise<void> {
  const device = await Device.shared();
  const commit = execFileSync('git', ['-C', root, 'rev-parse', '--short', 'HEAD'], {
    encoding: 'utf8',
  }).trim();
  console.log(`device ${device.adapter.name}; node ${process.version}; torchlette ${commit}`);

  const { config } = benchDecoder('gemma2', { ...sizes, keyValueHeads: 4, headSize: 32, maxPositions: 256 });
  const weights = benchWeights(config);
  const rows = benchRows(ROWS, ROW_TOKENS, VOCAB);
  const engine = await createWebGpuEngine(config, weights);
  const reference = await createReferenceEngine(config, weights);
  agree('logprobs', await engine.forward(rows), await reference.forward(rows), 1e-4);
  await engine.setWeights(weights);
  const [here, exact]: number[][] = [[], []];
  for (let i = 0; i < 3; i++) {
    here.push(await trainingStep(engine, rows));
    exact.push(await trainingStep(reference, rows));
  }
  agree('losses of three steps', here, exact, 1e-3);
  await reference.close();
  console.log(
    `here: ${parameterCount(config)} parameters; losses as the float64 reference's to 1e-3: ${shown(here)}`,
  );

  // As torchlette comes, and with what makes it compute right here.
  for (const subgroups of [true, false]) {
    const tsx = createRequire(import.meta.url).resolve('tsx');
    const script = fileURLToPath(new URL('./rivals/torchlette-worker.ts', import.meta.url));
    const worker = new Worker('torchlette', [process.execPath, '--import', `file://${tsx}`, script]);
    try {
      const tokens = Array.from({ length: ROWS }, (_, row) => [
        ...rows.tokens.subarray(row * ROW_TOKENS, (row + 1) * ROW_TOKENS),
        rows.tokens[row],
      ]);
      const { parameters } = await worker.ask<{ parameters: number }>({
        ...{ do: 'open', root, subgroups, tokens, learningRate: 1e-3 },
        ...sizes,
      });
      const first = await step(worker, 3);
      console.log(
        `torchlette${subgroups ? '' : ', subgroups hidden from it'}: ${parameters} parameters; losses ${first.losses.join(' ')}; ` +
          `those of a guess are ${Math.log(VOCAB).toFixed(3)}`,
      );
      const [ours, theirs]: Took[][] = [[], []];
      for (let round = 0; round < (subgroups ? 3 : ROUNDS); round++) {
        theirs.push(await step(worker, 1));
        ours.push(await tookOf(STEPS_HERE, () => trainingStep(engine, rows)));
      }
      const found = roundsText(ROWS * ROW_TOKENS, { ours, theirs, rival: 'torchlette' });
      console.log(`training, ${ROWS} rows of ${ROW_TOKENS} tokens: ${found}`);
    } finally {
      await worker.close();
    }
  }
  await engine.close();
}

async function step(worker: Worker, times: number): Promise<Took & { losses: string[] }> {
  const answer = await worker.ask<Took & { losses: string[] }>({ do: 'step', times });
  return { ...answer, losses: answer.losses.map((loss) => Number(loss).toFixed(3)) };
}

function shown(losses: readonly number[]): string {
  return losses.map((loss) => loss.toFixed(3)).join(' ');
}
