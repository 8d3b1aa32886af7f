import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { adapterBase, readAdapter, saveAdapter } from '../../src/checkpoint/adapter-folder.ts';
import { openPolicy } from '../../src/checkpoint/folder.ts';
import { openEngine } from '../../src/checkpoint/open-engine.ts';
import { SafetensorsFile, writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { PROJECTIONS } from '../../src/engine/config.ts';
import { adapterShapes, initialAdapters } from '../../src/engine/lora.ts';
import { ConfigError, DataError } from '../../src/errors.ts';
import {
  adapterFixtureNames,
  fixturePath,
  largestError,
  loadAdapterFixture,
  readTensors,
} from '../engine/fixtures.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swirl-adapter-'));
});
afterEach(() => rm(folder, { recursive: true }));

type Json = Record<string, unknown>;

const readJson = async (path: string) => JSON.parse(await readFile(path, 'utf8')) as Json;

async function change(path: string, edit: (json: Json) => void): Promise<void> {
  const json = await readJson(path);
  edit(json);
  await writeFile(path, JSON.stringify(json));
}

/** A copy of PEFT's folder, beside its base and a tokenizer, to be opened or broken. */
async function copied(name: string, base: string): Promise<string> {
  const path = join(folder, 'adapter');
  await cp(fixturePath(name), path, { recursive: true });
  await cp(fixturePath(base), join(folder, 'base'), { recursive: true });
  await change(join(path, 'adapter_config.json'), (json) => {
    json.base_model_name_or_path = '../base';
  });
  return path;
}

async function withTensors(
  path: string,
  edit: (tensors: Map<string, { shape: readonly number[]; values: Float32Array }>) => void,
): Promise<void> {
  const file = await SafetensorsFile.open(path);
  const tensors = new Map<string, { shape: readonly number[]; values: Float32Array }>();
  for (const [name, { shape }] of file.tensors) tensors.set(name, { shape, values: await file.read(name) });
  await file.close();
  edit(tensors);
  await writeSafetensors(path, tensors);
}

describe.each(adapterFixtureNames)("PEFT's %s", (name) => {
  test('read and on the engine, gives what PEFT computes; without it, what its base gives', async () => {
    const fixture = await loadAdapterFixture(name);
    const path = fixturePath(name);
    const base = await adapterBase(path);
    const { lora, tensors } = await readAdapter(path, fixture.config);
    expect(lora).toEqual({
      ...fixture.lora,
      targets: PROJECTIONS.filter((each) => fixture.lora.targets.includes(each)),
    });
    const policy = { path: base, config: fixture.config, adapter: { path, lora } };
    const engine = await openEngine(policy, { device: 'reference' });
    expect(largestError(await engine.forward(fixture.rows), fixture.logprobs)).toBeLessThan(1e-4);
    expect(largestError(await engine.forwardBase(fixture.rows), fixture.baseLogprobs)).toBeLessThan(1e-4);
    expect(await engine.weights()).toEqual(tensors);
    await engine.close();
  });

  test('saved again: the same keys with the same values, and the same tensors, to the bit', async () => {
    const fixture = await loadAdapterFixture(name);
    const read = await readAdapter(fixturePath(name), fixture.config);
    const path = join(folder, 'saved');
    const base = { path: fixturePath('capped'), config: fixture.config };
    await saveAdapter(path, { base, ...read }, (to) => writeFile(join(to, 'train.json'), '{}'));
    expect((await readdir(path)).sort()).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
      'train.json',
    ]);
    expect(await readdir(folder)).toEqual(['saved']);
    const theirs = await readJson(join(fixturePath(name), 'adapter_config.json'));
    const ours = await readJson(join(path, 'adapter_config.json'));
    const sorted = (json: Json) => ({
      ...json,
      target_modules: (json.target_modules as string[]).sort(),
      base_model_name_or_path: null,
    });
    expect(sorted(theirs)).toMatchObject(sorted(ours));
    expect(ours.base_model_name_or_path).toBe(fixturePath('capped'));
    expect(await readTensors(join(path, 'adapter_model.safetensors'))).toEqual(
      await readTensors(join(fixturePath(name), 'adapter_model.safetensors')),
    );
  });
});

describe('a folder of adapters as a policy', () => {
  test('opens with its base, and its own tokenizer where it has one', async () => {
    const base = await openPolicy(fixturePath('made-bpe'));
    const lora = { rank: 2, scale: 0.3, targets: ['down_proj', 'q_proj'] as const };
    const path = join(folder, 'adapter');
    const tensors = initialAdapters(base.config, lora, 7);
    await saveAdapter(path, { base, lora, tensors });
    const policy = await openPolicy(path);
    expect(policy).toMatchObject({ path: base.path, config: base.config, tokenizerPath: path });
    expect(policy.adapter).toEqual({ path, lora: { ...lora, targets: ['q_proj', 'down_proj'] } });
    await rm(join(path, 'tokenizer.json'));
    expect((await openPolicy(path)).tokenizerPath).toBe(base.path);
    const engine = await openEngine(policy, { device: 'reference' });
    expect(await engine.weights()).toEqual(tensors);
    await engine.close();
    expect(base.adapter).toBeNull();
  });

  test('is not trained in another shape than it has', async () => {
    const base = await openPolicy(fixturePath('made-bpe'));
    const lora = { rank: 2, scale: 0.5, targets: ['q_proj', 'v_proj'] as const };
    const path = join(folder, 'adapter');
    await saveAdapter(path, { base, lora, tensors: initialAdapters(base.config, lora, 7) });
    const policy = await openPolicy(path);
    const open = (wanted: Parameters<typeof openEngine>[1]['lora']) =>
      openEngine(policy, { device: 'reference', ...(wanted === undefined ? {} : { lora: wanted }) });
    await expect(open(null)).rejects.toThrow(/expected a policy without adapters, found adapters of rank 2/);
    await expect(open({ ...lora, rank: 3 })).rejects.toThrow(/expected adapters of rank 3 and scale 0\.5/);
    await expect(open({ ...lora, targets: ['q_proj'] })).rejects.toThrow(ConfigError);
    const engine = await open({ ...lora, targets: ['v_proj', 'q_proj'] });
    expect(engine.lora).toEqual(lora);
    await engine.close();
  });

  test.each([
    ['nothing', null],
    ["a hub's name", 'meta-llama/Llama-3.2-1B'],
    ['itself', '.'],
  ])('a base that is %s is refused', async (_name, base) => {
    const path = await copied('capped-lora', 'capped');
    await change(join(path, 'adapter_config.json'), (json) => {
      json.base_model_name_or_path = base;
    });
    await writeFile(join(path, 'config.json'), '{}');
    await expect(openPolicy(path)).rejects.toThrow(/"base_model_name_or_path" to be the folder.*found/s);
  });
});

describe('what is read', () => {
  test('rank-stabilized scales, by the root of the rank', async () => {
    const path = await copied('capped-lora', 'capped');
    await change(join(path, 'adapter_config.json'), (json) => {
      json.use_rslora = true;
    });
    const { config } = await loadAdapterFixture('capped-lora');
    // Alpha 8, rank 4.
    expect((await readAdapter(path, config)).lora.scale).toBe(4);
  });

  test('layers without adapters get such that add nothing', async () => {
    const path = await copied('capped-lora', 'capped');
    const fixture = await loadAdapterFixture('capped-lora');
    const inLayer1 = (name: string) => name.includes('.layers.1.');
    await withTensors(join(path, 'adapter_model.safetensors'), (tensors) => {
      for (const name of [...tensors.keys()]) if (inLayer1(name)) tensors.delete(name);
    });
    const { lora, tensors } = await readAdapter(path, fixture.config);
    expect([...tensors.keys()]).toEqual([...adapterShapes(fixture.config, lora).keys()]);
    for (const [name, values] of tensors)
      expect([name, values]).toEqual([
        name,
        inLayer1(name) ? new Float32Array(values.length) : fixture.adapters.get(name),
      ]);
  });

  test.each<[string, Json, RegExp]>([
    ['another method', { peft_type: 'IA3' }, /peft_type/],
    ['another task', { task_type: 'SEQ_CLS' }, /task_type/],
    ['trained biases', { bias: 'all' }, /bias/],
    ['DoRA', { use_dora: true }, /"use_dora": true/],
    ['modules kept whole', { modules_to_save: ['lm_head'] }, /"modules_to_save": \["lm_head"\]/],
    ['ranks by pattern', { rank_pattern: { q_proj: 8 } }, /"rank_pattern"/],
    ['scales by pattern', { alpha_pattern: { q_proj: 8 } }, /"alpha_pattern"/],
    ['a beginning that changes the base', { init_lora_weights: 'pissa_niter_4' }, /"init_lora_weights"/],
    ['what a later PEFT may bring', { use_quaternions: true }, /"use_quaternions": true/],
    ['no rank', { r: 0 }, /✖.*\n.*r$/m],
  ])('%s is refused by name', async (_name, edit, message) => {
    const path = await copied('capped-lora', 'capped');
    await change(join(path, 'adapter_config.json'), (json) => Object.assign(json, edit));
    const { config } = await loadAdapterFixture('capped-lora');
    const read = readAdapter(path, config);
    await expect(read).rejects.toThrow(ConfigError);
    await expect(read).rejects.toThrow(message);
    await expect(read).rejects.toThrow(/adapter_config\.json/);
  });

  const a = 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight';

  test.each<
    [string, (tensors: Map<string, { shape: readonly number[]; values: Float32Array }>) => void, RegExp]
  >([
    ['half a pair', (tensors) => tensors.delete(a), /expected a tensor .*lora_A.* beside .*lora_B/],
    [
      'another rank',
      (tensors) => tensors.set(a, { shape: [3, 24], values: new Float32Array(72) }),
      /q_proj\.lora_A\.weight to have shape \(4, 24\).*found \(3, 24\)/,
    ],
    [
      "a head's adapters",
      (tensors) =>
        tensors.set('base_model.model.lm_head.lora_A.weight', { shape: [1], values: new Float32Array(1) }),
      /found a tensor base_model\.model\.lm_head\.lora_A\.weight/,
    ],
    [
      'more layers than the base has',
      (tensors) => tensors.set(a.replace('.0.', '.9.'), { shape: [4, 24], values: new Float32Array(96) }),
      /layers\.9\..*3 layers/,
    ],
    ['nothing', (tensors) => tensors.clear(), /expected LoRA matrices of some of q_proj/],
  ])('tensors: %s is refused', async (_name, edit, message) => {
    const path = await copied('capped-lora', 'capped');
    await withTensors(join(path, 'adapter_model.safetensors'), edit);
    const { config } = await loadAdapterFixture('capped-lora');
    const read = readAdapter(path, config);
    await expect(read).rejects.toThrow(DataError);
    await expect(read).rejects.toThrow(message);
  });

  test('no tensors, and a config that is no JSON', async () => {
    const path = await copied('capped-lora', 'capped');
    const { config } = await loadAdapterFixture('capped-lora');
    await rm(join(path, 'adapter_model.safetensors'));
    await expect(readAdapter(path, config)).rejects.toThrow(/adapter_model\.safetensors: cannot be opened/);
    await writeFile(join(path, 'adapter_config.json'), '{');
    await expect(readAdapter(path, config)).rejects.toThrow(/adapter_config\.json: cannot be read as JSON/);
  });
});

test('scales that are no whole multiple of 1 / rank come back', async () => {
  const { config } = await loadAdapterFixture('capped-lora');
  await mkdir(join(folder, 'base'));
  const base = { path: join(folder, 'base'), config };
  for (const [rank, scale] of [
    [3, 16 / 3],
    [7, 1 / 7],
    [6, 0.1],
    [5, 8 / Math.sqrt(5)],
  ] as const) {
    const lora = { rank, scale, targets: PROJECTIONS };
    const path = join(folder, `r${rank}`);
    await saveAdapter(path, { base, lora, tensors: initialAdapters(config, lora, 1) });
    expect((await readAdapter(path, config)).lora.scale).toBeCloseTo(scale, 14);
  }
});
