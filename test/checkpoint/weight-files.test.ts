import { cp, mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { withDtype } from '../../src/checkpoint/config-dtype.ts';
import { savePolicy } from '../../src/checkpoint/folder.ts';
import { SafetensorsFile, writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { openWeights, readWeights } from '../../src/checkpoint/weight-files.ts';
import { tensorShapes } from '../../src/engine/config.ts';
import type { Tensors } from '../../src/engine/engine.ts';
import { configText, parseDecoderConfig } from '../../src/engine/families.ts';
import { toBfloat16 } from '../../src/engine/number-formats.ts';
import { fixturePath, readTensors } from '../engine/fixtures.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swirl-weights-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function policyAt(path: string) {
  const config = parseDecoderConfig(JSON.parse(await readFile(join(path, 'config.json'), 'utf8')), path);
  return { path, config };
}

const fixture = (name: string) => policyAt(fixturePath(name));

/** A copy of a fixture, to be broken. */
async function copied(name: string) {
  const path = join(folder, 'policy');
  await cp(fixturePath(name), path, { recursive: true });
  return policyAt(path);
}

const bfloat = (values: Float32Array) =>
  new Float32Array(Uint32Array.from(toBfloat16(values), (bits) => bits << 16).buffer);

async function editJson(path: string, edit: (json: Index) => void): Promise<void> {
  const json = JSON.parse(await readFile(path, 'utf8')) as Index;
  edit(json);
  await writeFile(path, JSON.stringify(json));
}

interface Index {
  metadata: Record<string, number>;
  weight_map: Record<string, string>;
  tie_word_embeddings?: boolean;
}

const indexOf = (path: string) => join(path, 'model.safetensors.index.json');

/** Writes one more tensor into a weights file. */
async function addTensor(path: string, name: string, shape: number[], fill = 0): Promise<void> {
  const file = await SafetensorsFile.open(path);
  const tensors = new Map<string, { shape: readonly number[]; values: Float32Array }>();
  for (const [each, info] of file.tensors)
    tensors.set(each, { shape: info.shape, values: await file.read(each) });
  await file.close();
  const size = shape.reduce((a, b) => a * b, 1);
  await writeSafetensors(path, tensors.set(name, { shape, values: new Float32Array(size).fill(fill) }));
}

describe('folders that transformers wrote', () => {
  test.each<[string, string, string, (values: Float32Array) => Float32Array]>([
    ['qwen2-sharded', 'qwen2', 'F32', (values) => values],
    ['llama-bf16', 'llama', 'BF16', bfloat],
    ['capped-bf16-sharded', 'capped', 'BF16', bfloat],
    ['qwen3-f16', 'qwen3', 'F16', (values) => Float32Array.from(values, toHalf)],
    ['gemma3-seeing', 'gemma3', 'F32', (values) => values],
  ])('%s holds the numbers of %s in %s', async (name, base, dtype, rounded) => {
    const policy = await fixture(name);
    const files = await openWeights(policy);
    expect([...files.dtypes]).toEqual([dtype]);
    await files.close();
    const expected = await readTensors(join(fixturePath(base), 'model.safetensors'));
    const found = await readWeights(policy);
    expect([...found.keys()]).toEqual([...tensorShapes(policy.config).keys()]);
    for (const [tensor, values] of found) {
      expect([tensor, values]).toEqual([tensor, rounded(expected.get(tensor) ?? new Float32Array())]);
    }
  });
});

describe('large files', () => {
  test('a tensor after 6 GiB of others is read and checked where it lies', async () => {
    const path = join(folder, 'large.safetensors');
    const rows = 1.5 * 2 ** 20;
    const header = {
      front: { dtype: 'F32', shape: [rows, 1024], data_offsets: [0, 4096 * rows] },
      tail: { dtype: 'BF16', shape: [3], data_offsets: [4096 * rows, 4096 * rows + 6] },
    };
    const json = Buffer.from(JSON.stringify(header));
    const handle = await open(path, 'w');
    // Sparse: the file system keeps no blocks for what is never written.
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    await handle.write(Buffer.concat([length, json]), 0, null, 0);
    const words = Uint16Array.of(0x3f80, 0xc000, 0x4049);
    await handle.write(new Uint8Array(words.buffer), 0, 6, 8 + json.length + 4096 * rows);
    await handle.close();
    const file = await SafetensorsFile.open(path);
    expect([...(await file.read('tail'))]).toEqual([1, -2, 3.140625]);
    await file.close();
    await truncate(path, 5 * 2 ** 30);
    await expect(SafetensorsFile.open(path)).rejects.toThrow(
      /cut in tensor front: expected \(1572864, 1024\).*found \(1310719, 1024\)/,
    );
  });
});

describe('folders that do not fit are refused before a number is read', () => {
  const norm = 'model.layers.1.input_layernorm.weight';

  test.each<[string, (path: string) => Promise<void>, RegExp]>([
    [
      'a shard that is not there',
      (path) => rm(join(path, 'model-00003-of-00005.safetensors')),
      /model-00003-of-00005\.safetensors: cannot be opened \(ENOENT\)/,
    ],
    [
      'a cut shard',
      (path) => truncate(join(path, 'model-00002-of-00005.safetensors'), 3000),
      /model-00002-of-00005\.safetensors: the file is cut in tensor \S+: expected \(.*found \(/,
    ],
    [
      'a shard outside of the folder',
      (path) =>
        editJson(indexOf(path), (json) => {
          json.weight_map[norm] = '../model-00001-of-00005.safetensors';
        }),
      /index\.json: expected names of \.safetensors files beside it, found "\.\.\/model/,
    ],
    [
      'a shard by an absolute path',
      (path) =>
        editJson(indexOf(path), (json) => {
          json.weight_map[norm] = '/etc/passwd';
        }),
      /found "\/etc\/passwd"/,
    ],
    [
      'a shard with a back slash',
      (path) =>
        editJson(indexOf(path), (json) => {
          json.weight_map[norm] = '..\\x.safetensors';
        }),
      /expected names of \.safetensors files/,
    ],
    [
      'a tensor that the index puts elsewhere',
      (path) =>
        editJson(indexOf(path), (json) => {
          json.weight_map[norm] = 'model-00001-of-00005.safetensors';
        }),
      /index\.json: expected a tensor model\.layers\.1\.input_layernorm\.weight in model-00001-of-00005\.safetensors, found none in it/,
    ],
    [
      'a tensor that the index does not list',
      (path) =>
        editJson(indexOf(path), (json) => {
          delete json.weight_map[norm];
        }),
      /found a tensor model\.layers\.1\.input_layernorm\.weight that .*index\.json does not list/,
    ],
    [
      'a tensor in two shards',
      (path) => addTensor(join(path, 'model-00001-of-00005.safetensors'), 'model.norm.weight', [24]),
      /expected one tensor model\.norm\.weight, found it in .*-00001-.* and in .*-0000\d-/,
    ],
    [
      'an index that is none',
      (path) => writeFile(indexOf(path), '{"weight_map": {"a": 1}}'),
      /index\.json: .*weight_map/s,
    ],
    ['an empty index', (path) => writeFile(indexOf(path), '{"weight_map": {}}'), /found none in it/],
    ['half an index', (path) => writeFile(indexOf(path), '{"weight_map"'), /index\.json: expected JSON/],
  ])('%s', async (_name, breakIt, message) => {
    const policy = await copied('qwen2-sharded');
    await breakIt(policy.path);
    await expect(openWeights(policy)).rejects.toThrow(message);
  });

  test('a tensor that no shard has, with its shape', async () => {
    const policy = await copied('qwen2-sharded');
    const config = { ...policy.config, layers: policy.config.layers + 1 };
    await expect(openWeights({ ...policy, config })).rejects.toThrow(
      /index\.json: expected a tensor model\.layers\.\d\.input_layernorm\.weight \(\d+\), found none/,
    );
  });

  test('another shape, with the shard and both shapes', async () => {
    const policy = await copied('qwen2-sharded');
    const config = { ...policy.config, intermediateSize: 1000 };
    await expect(openWeights({ ...policy, config })).rejects.toThrow(
      /model-0000\d-of-00005\.safetensors: expected \S+_proj\.weight to have shape \(1000, \d+\) .*found \(\d+, \d+\)/,
    );
  });

  test('a format that is not read', async () => {
    const policy = await copied('qwen3-f16');
    const path = join(policy.path, 'model.safetensors');
    const bytes = await readFile(path);
    // As long as F16, so that the header stays as long as it was.
    await writeFile(path, Buffer.from(bytes.toString('latin1').replace('"F16"', '"I16"'), 'latin1'));
    await expect(openWeights(policy)).rejects.toThrow(/\(\d.*\) in F32, BF16, F16, found I16/);
  });

  test('no weights at all', async () => {
    const policy = await copied('qwen2');
    await rm(join(policy.path, 'model.safetensors'));
    await expect(openWeights(policy)).rejects.toThrow(/found no such file, and no .*index\.json/);
  });
});

describe('tied heads', () => {
  const embedding = 'model.embed_tokens.weight';

  test('one stored a second time is accepted where it is the same, and refused where it is not', async () => {
    const policy = await copied('qwen3');
    const file = join(policy.path, 'model.safetensors');
    const before = await readWeights(policy);
    const { vocabSize, hiddenSize } = policy.config;
    await addTensor(file, 'lm_head.weight', [vocabSize, hiddenSize], 0.5);
    await expect(openWeights(policy)).rejects.toThrow(
      /lm_head\.weight \(41, 20\) of F32 to be model\.embed_tokens\.weight \(41, 20\) of F32.*found other numbers/,
    );
    const tensors = new Map<string, { shape: readonly number[]; values: Float32Array }>();
    for (const [name, shape] of tensorShapes(policy.config))
      tensors.set(name, { shape, values: before.get(name) ?? new Float32Array() });
    const stored = tensors.get(embedding) as { shape: readonly number[]; values: Float32Array };
    await writeSafetensors(file, tensors.set('lm_head.weight', stored));
    expect(await readWeights(policy)).toEqual(before);
    // Some writers keep only the first of two equal tensors.
    tensors.delete(embedding);
    await writeSafetensors(file, tensors);
    expect((await readWeights(policy)).get(embedding)).toEqual(before.get(embedding));
  });

  test('rotary frequencies that old versions stored are left out', async () => {
    const policy = await copied('llama');
    await addTensor(
      join(policy.path, 'model.safetensors'),
      'model.layers.0.self_attn.rotary_emb.inv_freq',
      [4],
    );
    expect((await readWeights(policy)).size).toBe(tensorShapes(policy.config).size);
  });
});

describe('saving', () => {
  test.each(['qwen2-sharded', 'capped-bf16-sharded', 'llama-bf16'])(
    '%s: the same files with the same tensors, in f32 to the bit',
    async (name) => {
      const from = await fixture(name);
      const path = join(folder, 'saved');
      const weights = await readWeights(from);
      // Nothing that bf16 could hold.
      for (const values of weights.values()) for (let i = 0; i < values.length; i++) values[i] += 1e-4 * i;
      await savePolicy(path, from, weights);
      const files = (await readdir(from.path)).filter((file) => !file.startsWith('expected'));
      expect((await readdir(path)).sort()).toEqual(files.sort());
      for (const file of files.filter((each) => each.endsWith('.safetensors')))
        expect(await namesIn(join(path, file))).toEqual(await namesIn(join(from.path, file)));
      const saved = await policyAt(path);
      expect(await readWeights(saved)).toEqual(weights);
      const config = await readFile(join(path, 'config.json'), 'utf8');
      expect(config).toBe(
        (await readFile(join(from.path, 'config.json'), 'utf8')).replace('"bfloat16"', '"float32"'),
      );
    },
  );

  test('of a model that also sees the decoder alone is saved, as its own family', async () => {
    const from = await fixture('gemma3-seeing');
    const path = join(folder, 'saved');
    await savePolicy(path, from, await readWeights(from));
    const saved = await policyAt(path);
    expect(await readWeights(saved)).toEqual(await readWeights(from));
    expect(saved.config).toEqual((await fixture('gemma3')).config);
    const json = JSON.parse(await readFile(join(path, 'config.json'), 'utf8')) as Record<string, unknown>;
    expect(json).not.toHaveProperty('vision_config');
    expect(json).toMatchObject({ model_type: 'gemma3_text', eos_token_id: 1, dtype: 'float32' });
    const index = JSON.parse(await readFile(indexOf(path), 'utf8')) as Index;
    expect(Object.keys(index.weight_map).sort()).toEqual([...tensorShapes(saved.config).keys()].sort());
  });

  test('the index says what was written', async () => {
    const from = await fixture('capped-bf16-sharded');
    await savePolicy(join(folder, 'saved'), from, await readWeights(from));
    const before = JSON.parse(await readFile(indexOf(from.path), 'utf8')) as Index;
    const after = JSON.parse(await readFile(indexOf(join(folder, 'saved')), 'utf8')) as Index;
    expect(after.weight_map).toEqual(before.weight_map);
    expect(after.metadata).toEqual({ ...before.metadata, total_size: 2 * before.metadata.total_size });
  });

  test('bf16 for others, streamed from files: the bytes that transformers wrote', async () => {
    const from = await fixture('capped-bf16-sharded');
    const path = join(folder, 'saved');
    const source = await openWeights(from);
    await savePolicy(path, from, source, async () => {}, { dtype: 'bf16' });
    await source.close();
    for (const file of await readdir(path))
      expect([file, await contentOf(join(path, file))]).toEqual([
        file,
        await contentOf(join(from.path, file)),
      ]);
  });

  test('other files of the tokenizer come along, in their own words', async () => {
    const from = await copied('qwen2');
    await writeFile(join(from.path, 'chat_template.jinja'), '{{ messages }}');
    await writeFile(join(from.path, 'merges.txt'), '#version: 0.2\n');
    await writeFile(join(from.path, 'training_args.bin'), 'x');
    const path = join(folder, 'saved');
    await savePolicy(path, from, await readWeights(from));
    expect((await readdir(path)).sort()).toEqual([
      'chat_template.jinja',
      'config.json',
      'merges.txt',
      'model.safetensors',
    ]);
    expect(await readFile(join(path, 'chat_template.jinja'), 'utf8')).toBe('{{ messages }}');
  });

  test('weights without a tensor are refused, and no folder appears', async () => {
    const from = await copied('qwen2');
    const weights: Tensors = await readWeights(from);
    weights.delete('model.norm.weight');
    await expect(savePolicy(join(folder, 'saved'), from, weights)).rejects.toThrow(/model\.norm\.weight/);
    expect(await readdir(folder)).not.toContain('saved');
  });
});

describe('withDtype', () => {
  test('changes the outermost keys only, and no other byte', () => {
    const text = configText({
      a: { dtype: 'bfloat16', torch_dtype: 'x' },
      final_logit_softcapping: 30,
      'say "dtype"': 'bfloat16',
      list: ['dtype', { dtype: 'int8' }],
      torch_dtype: 'bfloat16',
      rms_norm_eps: 1e-6,
      dtype: null,
    });
    const expected = text
      .replace('  "torch_dtype": "bfloat16"', '  "torch_dtype": "float32"')
      .replace('"dtype": null', '"dtype": "float32"');
    expect(withDtype(text, 'float32')).toBe(expected);
    expect(expected).toContain('30.0');
    expect(withDtype('{"model_type":"gemma2"}', 'float32')).toBe('{"model_type":"gemma2"}');
  });
});

async function namesIn(path: string): Promise<string[]> {
  const file = await SafetensorsFile.open(path);
  await file.close();
  return [...file.tensors.keys()].sort();
}

/** JSON by its value, weights by their tensors' values. */
async function contentOf(path: string): Promise<unknown> {
  if (!path.endsWith('.safetensors')) return JSON.parse(await readFile(path, 'utf8'));
  const file = await SafetensorsFile.open(path);
  await file.close();
  return [[...file.tensors.values()].map(({ dtype }) => dtype), await readTensors(path)];
}

/** The nearest binary16 number, ties to even, by arithmetic on the spacing of such numbers. */
function toHalf(value: number): number {
  const spacing = 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(value) || 1))) - 10);
  const steps = value / spacing;
  const below = Math.floor(steps);
  const rest = steps - below;
  const up = rest > 0.5 || (rest === 0.5 && below % 2 !== 0);
  return (below + (up ? 1 : 0)) * spacing;
}
