import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readAdapter } from '../../src/checkpoint/adapter-folder.ts';
import { openPolicy, savePolicy } from '../../src/checkpoint/folder.ts';
import { SafetensorsFile, writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { readWeights } from '../../src/checkpoint/weight-files.ts';
import { fixturePath, loadAdapterFixture } from '../engine/fixtures.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swirl-names-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** A copy of a fixture whose tensors bear other names. */
async function renamed(fixture: string, file: string, rename: (name: string) => string): Promise<string> {
  const path = join(folder, 'policy');
  await cp(fixturePath(fixture), path, { recursive: true });
  const from = await SafetensorsFile.open(join(path, file));
  const tensors = new Map<string, { shape: readonly number[]; values: Float32Array }>();
  for (const [name, { shape }] of from.tensors)
    tensors.set(rename(name), { shape, values: await from.read(name) });
  await from.close();
  await writeSafetensors(join(path, file), tensors);
  return path;
}

async function edit(path: string, change: (json: Record<string, unknown>) => void): Promise<void> {
  const json = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  change(json);
  await writeFile(path, JSON.stringify(json));
}

const spellings: [string, (name: string) => string][] = [
  ['compiled', (name) => `_orig_mod.${name}`],
  ['compiled layer by layer', (name) => name.replace(/(layers\.\d+)\./, '$1._orig_mod.')],
  ['distributed', (name) => `module.${name}`],
  ['distributed and compiled', (name) => `module._orig_mod.${name}`],
  ['of the inner model', (name) => name.replace(/^model\./, '')],
];

describe('weights under the names that wrappers give them', () => {
  test.each(spellings)('%s: the same numbers, and saved under their plain names', async (_, rename) => {
    const [expected, policy] = [
      await readWeights(await openPolicy(fixturePath('made-words'))),
      await openPolicy(await renamed('made-words', 'model.safetensors', rename)),
    ];
    const weights = await readWeights(policy);
    expect(weights).toEqual(expected);
    await savePolicy(join(folder, 'saved'), policy, weights);
    const saved = await SafetensorsFile.open(join(folder, 'saved', 'model.safetensors'));
    expect([...saved.tensors.keys()].sort()).toEqual([...expected.keys()].sort());
    await saved.close();
  });

  test('two spellings of one tensor are refused', async () => {
    const twice = (name: string) => (name === 'model.norm.weight' ? 'norm.weight' : name);
    const path = await renamed('made-words', 'model.safetensors', twice);
    const file = await SafetensorsFile.open(join(path, 'model.safetensors'));
    const tensors = new Map<string, { shape: readonly number[]; values: Float32Array }>();
    for (const [name, { shape }] of file.tensors) tensors.set(name, { shape, values: await file.read(name) });
    await file.close();
    const norm = tensors.get('norm.weight');
    if (norm === undefined) throw new Error('the fixture has another shape');
    await writeSafetensors(join(path, 'model.safetensors'), tensors.set('_orig_mod.norm.weight', norm));
    await expect(readWeights(await openPolicy(path))).rejects.toThrow(
      /expected one tensor model\.norm\.weight, found .*norm\.weight and .*norm\.weight/,
    );
  });

  test('a head of its own that is missing: the cause is named', async () => {
    const path = join(folder, 'policy');
    await cp(fixturePath('made-words'), path, { recursive: true });
    await edit(join(path, 'config.json'), (json) => Object.assign(json, { tie_word_embeddings: false }));
    await expect(readWeights(await openPolicy(path))).rejects.toThrow(
      /expected a tensor lm_head\.weight .*"tie_word_embeddings" in config\.json.*Set it to true/,
    );
  });
});

describe('adapters', () => {
  const file = 'adapter_model.safetensors';

  test.each<[string, (name: string) => string]>([
    ['as models have them in memory', (name) => name.replace(/(lora_[AB])\.weight/, '$1.default.weight')],
    ['compiled', (name) => name.replace('base_model.model.', 'base_model.model._orig_mod.')],
    ["without PEFT's prefix", (name) => name.replace('base_model.model.', '')],
  ])('%s', async (_, rename) => {
    const { config } = await loadAdapterFixture('capped-lora');
    const expected = await readAdapter(fixturePath('capped-lora'), config);
    expect(await readAdapter(await renamed('capped-lora', file, rename), config)).toEqual(expected);
  });

  test('a config without its optional keys', async () => {
    const path = join(folder, 'adapters');
    await cp(fixturePath('capped-lora'), path, { recursive: true });
    await edit(join(path, 'adapter_config.json'), (json) => {
      for (const key of Object.keys(json)) {
        if (!['peft_type', 'r', 'lora_alpha', 'base_model_name_or_path'].includes(key)) delete json[key];
      }
    });
    const { config } = await loadAdapterFixture('capped-lora');
    expect(await readAdapter(path, config)).toEqual(await readAdapter(fixturePath('capped-lora'), config));
  });
});
