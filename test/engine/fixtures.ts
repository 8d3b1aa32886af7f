/**
 * The committed decoders of test/fixtures/policy, with what PyTorch computes on them (see make-policy.py).
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SafetensorsFile } from '../../src/checkpoint/safetensors.ts';
import type { DecoderConfig, Projection } from '../../src/engine/config.ts';
import type { LoraShape, PackedRows, Tensors } from '../../src/engine/engine.ts';
import { parseDecoderConfig } from '../../src/engine/families.ts';

/** Decoders. */
export const fixtureNames = ['capped', 'plain', 'llama', 'llama-biased', 'qwen2', 'qwen3', 'gemma3'] as const;
export type FixtureName = (typeof fixtureNames)[number];

/** Adapters on some of them. */
export const adapterFixtureNames = ['capped-lora', 'qwen2-lora'] as const;
export type AdapterFixtureName = (typeof adapterFixtureNames)[number];

export interface PolicyFixture {
  readonly config: DecoderConfig;
  /** Of the decoder. */
  readonly weights: Tensors;
  readonly rows: PackedRows;
  /** w of the loss -sum(w * logprob). */
  readonly targetWeights: Float32Array;
  readonly logprobs: Float32Array;
  /** Of the trained tensors. */
  readonly gradients: Tensors;
  /** The trained tensors after ten steps of torch.optim.AdamW, clipped; losses and norms before each step. */
  readonly stepped: Tensors;
  readonly losses: Float32Array;
  readonly gradNorms: Float32Array;
}

export interface AdapterFixture extends PolicyFixture {
  readonly lora: LoraShape;
  readonly adapters: Tensors;
  /** Without the adapters. */
  readonly baseLogprobs: Float32Array;
}

/** As in make-policy.py. */
export const fixtureAdamW = {
  learningRate: 3e-3,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-6,
  weightDecay: 0.1,
  clipNorm: 1,
};

export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`../fixtures/policy/${name}`, import.meta.url));
}

export async function readTensors(path: string): Promise<Tensors> {
  const file = await SafetensorsFile.open(path);
  const tensors: Tensors = new Map();
  for (const name of file.tensors.keys()) tensors.set(name, await file.read(name));
  await file.close();
  return tensors;
}

export async function loadFixture(name: FixtureName): Promise<PolicyFixture> {
  return {
    ...(await readDecoder(name)),
    ...expectedIn(await readTensors(`${fixturePath(name)}/expected.safetensors`)),
  };
}

export async function loadAdapterFixture(name: AdapterFixtureName): Promise<AdapterFixture> {
  const folder = fixturePath(name);
  const json = JSON.parse(await readFile(`${folder}/adapter_config.json`, 'utf8')) as {
    readonly base_model_name_or_path: string;
    readonly r: number;
    readonly lora_alpha: number;
    readonly target_modules: readonly Projection[];
  };
  const expected = await readTensors(`${folder}/expected.safetensors`);
  return {
    ...(await readDecoder(basename(json.base_model_name_or_path))),
    ...expectedIn(expected),
    lora: { rank: json.r, scale: json.lora_alpha / json.r, targets: json.target_modules },
    adapters: await readTensors(`${folder}/adapter_model.safetensors`),
    baseLogprobs: expected.get('base_logprobs') ?? new Float32Array(),
  };
}

async function readDecoder(name: string): Promise<Pick<PolicyFixture, 'config' | 'weights'>> {
  const folder = fixturePath(name);
  return {
    config: parseDecoderConfig(JSON.parse(await readFile(`${folder}/config.json`, 'utf8')), folder),
    weights: await readTensors(`${folder}/model.safetensors`),
  };
}

function expectedIn(expected: Tensors): Omit<PolicyFixture, 'config' | 'weights'> {
  const get = (key: string) => expected.get(key) ?? new Float32Array();
  const under = (prefix: string): Tensors =>
    new Map(
      [...expected]
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, values]) => [key.slice(prefix.length), values]),
    );
  return {
    rows: {
      tokens: Int32Array.from(get('tokens')),
      positions: Int32Array.from(get('positions')),
      targets: Int32Array.from(get('targets')),
    },
    targetWeights: get('target_weights'),
    logprobs: get('logprobs'),
    gradients: under('gradient.'),
    stepped: under('stepped.'),
    losses: get('losses'),
    gradNorms: get('grad_norms'),
  };
}

/** |a - b| / |b| over all numbers; |a| where b is zero throughout. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0;
  let size = 0;
  for (let i = 0; i < b.length; i++) {
    difference += (a[i] - b[i]) ** 2;
    size += b[i] ** 2;
  }
  return a.length === b.length ? Math.sqrt(difference / (size || 1)) : Number.POSITIVE_INFINITY;
}

/** The largest |a[i] - b[i]|; NaN where one of them is. */
export function largestError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = a.length === b.length ? 0 : Number.POSITIVE_INFINITY;
  for (let i = 0; i < b.length; i++) largest = Math.max(largest, Math.abs(a[i] - b[i]));
  return largest;
}
