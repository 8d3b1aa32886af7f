/**
 * Sampling: new tokens/s with 1, 16 and 64 slots; what it saves to keep the cache between the turns of a
 * trajectory, and to copy it between the rollouts of a question; one draw of the
 * reference's from a large vocabulary, against sorting all of it. Before anything is timed, samples must be the
 * reference's, and the same whatever the slots and with or without reuse. What is compared alternates.
 *
 *   npx tsx bench/sampling.ts [decoding|reuse|draws]...
 */
import { cpus } from 'node:os';
import { Device } from '../src/device/device.ts';
import type { Engine, Sample, SampleRequest, SamplerStatistics } from '../src/engine/engine.ts';
import { createReferenceEngine } from '../src/engine/reference/engine.ts';
import { type ChooseOptions, choose } from '../src/engine/sampling/choose.ts';
import { createWebGpuEngine } from '../src/engine/webgpu/engine.ts';
import { normal } from '../src/random.ts';
import {
  agree,
  benchDecoder,
  benchWeights,
  compareRounds,
  median,
  parameterCount,
  randomTokens,
} from './rivals/decoder.ts';

const ROUNDS = 5;
/** Decoding: this many new tokens, after prompts of this many. */
const PROMPT = 32;
const NEW_TOKENS = 48;
/** Trajectories: instructions and question, then turns of an action and an observation. */
const TRAJECTORIES = 16;
const TURNS = 5;
const QUESTION = 200;
const ACTION = 24;
const OBSERVATION = 80;
const CONTEXT = QUESTION + TURNS * (ACTION + OBSERVATION);
const VOCABULARY = 256_000;

const { config } = benchDecoder('gemma2', {
  ...{ vocabSize: 512, hiddenSize: 128, intermediateSize: 512, layers: 4 },
  ...{ heads: 4, keyValueHeads: 4, headSize: 32, maxPositions: 1024 },
});
const device = await Device.shared();
console.log(`device ${device.adapter.name}; node ${process.version}, ${cpus().length} x ${cpus()[0].model}`);
const weights = benchWeights(config);
const engine = await createWebGpuEngine(config, weights);
const parts: Readonly<Record<string, () => unknown>> = {
  decoding,
  reuse: async () => {
    for (const rollouts of [1, 8]) await reuse(rollouts);
  },
  draws: drawing,
};
const asked = process.argv.slice(2);
for (const [name, part] of Object.entries(parts)) {
  if (asked.length === 0 || asked.includes(name)) await part();
}
await engine.close();

async function decoding(): Promise<void> {
  const reference = await createReferenceEngine(config, weights);
  const exact = (await draw(reference, 2)).samples;
  await reference.close();
  const expected = (await draw(engine, 64)).samples;
  for (const [i, { tokens, logprobs }] of exact.entries()) {
    agree(`tokens of sample ${i}`, expected[i].tokens, tokens, 0);
    agree(`logprobs of sample ${i}`, expected[i].logprobs, logprobs, 1e-3);
  }
  const times = new Map([1, 16, 64].map((slots) => [slots, [] as number[]]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [slots, seconds] of times) {
      const { samples, took } = await draw(engine, slots);
      same(`${slots} slots`, samples, expected.slice(0, slots));
      if (round > 0) seconds.push(took / (slots * NEW_TOKENS));
    }
  }
  const one = median(times.get(1) ?? []);
  console.log(
    `\ndecoding, ${parameterCount(config)} parameters, ${NEW_TOKENS} tokens after prompts of ${PROMPT}\nslots | new tokens/s | of 1 slot`,
  );
  for (const [slots, seconds] of times) {
    const each = median(seconds);
    console.log(`${slots} | ${(1 / each).toFixed(0)} | ${(one / each).toFixed(1)}`);
  }
}

/** As many samples as slots, all at once. */
async function draw(of: Engine, slots: number): Promise<{ samples: Sample[]; took: number }> {
  const sampler = of.sampler({ slots, maxLength: PROMPT + NEW_TOKENS });
  const started = performance.now();
  const samples = await Promise.all(
    Array.from({ length: slots }, (_, i) =>
      sampler.sample(request(randomTokens(i, PROMPT, config.vocabSize), i, NEW_TOKENS)),
    ),
  );
  const took = (performance.now() - started) / 1000;
  sampler.close();
  return { samples, took };
}

/** With so many rollouts of each question. */
async function reuse(rollouts: number): Promise<void> {
  const seconds = { kept: [] as number[], fedAgain: [] as number[] };
  let statistics: SamplerStatistics | undefined;
  for (let round = 0; round <= ROUNDS; round++) {
    const kept = await trajectories(rollouts, true);
    const fedAgain = await trajectories(rollouts, false);
    same('with reuse', kept.samples, fedAgain.samples);
    statistics = kept.statistics;
    if (round === 0) continue;
    seconds.kept.push(kept.took);
    seconds.fedAgain.push(fedAgain.took);
  }
  if (!statistics) return;
  const { ratio, range, ours, theirs } = compareRounds(
    statistics.sampledTokens,
    seconds.kept,
    seconds.fedAgain,
  );
  const shareOf = (tokens: number) => ((100 * tokens) / statistics.promptTokens).toFixed(0);
  console.log(
    `\n${TRAJECTORIES} trajectories of ${TURNS} turns, ${rollouts} a question: ${QUESTION} tokens of question, ${ACTION} an action, ${OBSERVATION} an observation\n` +
      `cache used again | ${ours.toFixed(0)} new tokens/s; of the prompts' tokens ${shareOf(statistics.reusedTokens)} % were held, ` +
      `${shareOf(statistics.copiedTokens)} % copied\n` +
      `prompts fed whole | ${theirs.toFixed(0)} new tokens/s\nratio ${ratio.toFixed(2)} (${range})`,
  );
}

async function trajectories(rollouts: number, reuse: boolean) {
  const sampler = engine.sampler({ slots: TRAJECTORIES, maxLength: CONTEXT, reuse });
  const started = performance.now();
  const samples = await Promise.all(
    Array.from({ length: TRAJECTORIES }, async (_, who) => {
      const turns: Sample[] = [];
      let prompt = randomTokens(1000 + Math.floor(who / rollouts), QUESTION, config.vocabSize);
      for (let turn = 0; turn < TURNS; turn++) {
        const id = 100 * who + turn;
        const sample = await sampler.sample(request(prompt, id, ACTION));
        turns.push(sample);
        prompt = [...prompt, ...sample.tokens, ...randomTokens(5000 + id, OBSERVATION, config.vocabSize)];
      }
      return turns;
    }),
  );
  const took = (performance.now() - started) / 1000;
  sampler.close();
  return { samples: samples.flat(), took, statistics: sampler.statistics };
}

/** `choose` on random rows, against sorting the whole vocabulary for every draw. */
function drawing(): void {
  const rows = Array.from({ length: 4 }, (_, row) =>
    Float64Array.from({ length: VOCABULARY }, (_, id) => 4 * normal(BigInt(row), id)),
  );
  const settings: Readonly<Record<string, ChooseOptions>> = {
    'top-k 50': { temperature: 1, topP: 1, topK: 50 },
    'top-p 0.95': { temperature: 1, topP: 0.95, topK: 0 },
  };
  console.log(`\na draw from ${VOCABULARY} tokens | ms | sorting all, ms | ratio`);
  for (const [name, options] of Object.entries(settings)) {
    const times = { ours: [] as number[], sorted: [] as number[] };
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [i, row] of rows.entries()) {
        const u = (i + 0.5) / rows.length;
        const began = performance.now();
        const found = choose(row, options, u);
        const between = performance.now();
        const expected = sortingAll(row, options, u);
        const ended = performance.now();
        if (found.token !== expected) throw new Error(`${name}: drew ${found.token}, expected ${expected}`);
        if (round === 0) continue;
        times.ours.push(between - began);
        times.sorted.push(ended - between);
      }
    }
    const [ours, sorted] = [median(times.ours), median(times.sorted)];
    console.log(`${name} | ${ours.toFixed(1)} | ${sorted.toFixed(0)} | ${(sorted / ours).toFixed(1)}`);
  }
}

/** The token that `choose` draws with one of topK and topP, the obvious way. */
function sortingAll(logits: Float64Array, { topK, topP }: ChooseOptions, u: number): number {
  const largest = logits.reduce((a, b) => Math.max(a, b));
  const masses = logits.map((x) => Math.exp(x - largest));
  const total = masses.reduce((a, b) => a + b);
  const ids = [...masses.keys()].sort((a, b) => masses[b] - masses[a] || a - b);
  let mass = 0;
  let count = 0;
  while (count < (topK || ids.length) && (count === 0 || mass < topP * total)) mass += masses[ids[count++]];
  let below = 0;
  const kept = ids.slice(0, count).sort((a, b) => a - b);
  for (const id of kept) {
    below += masses[id];
    if (below > u * mass) return id;
  }
  return kept[kept.length - 1];
}

function request(prompt: readonly number[], id: number, maxTokens: number): SampleRequest {
  const everything = { temperature: 1, topP: 1, topK: 0, stopTokens: [] };
  return { prompt, maxTokens, ...everything, seed: BigInt(id) };
}

/** Throws unless the samples are the same to the bit. */
function same(what: string, found: readonly Sample[], expected: readonly Sample[]): void {
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(`${what}: other samples; there is nothing to time`);
  }
}
