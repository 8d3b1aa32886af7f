import { createHash } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openPolicy, savePolicy } from '../../src/checkpoint/folder.ts';
import { writeFolderAside } from '../../src/checkpoint/folder-aside.ts';
import { initialWeights, makePolicy, policyShape } from '../../src/checkpoint/new-policy.ts';
import { readOptimizer, writeOptimizer } from '../../src/checkpoint/optimizer-file.ts';
import { readWeights } from '../../src/checkpoint/weight-files.ts';
import { hashWeights } from '../../src/checkpoint/weights-hash.ts';
import { tensorShapes } from '../../src/engine/config.ts';
import { parseDecoderConfig } from '../../src/engine/families.ts';
import { createReferenceEngine } from '../../src/engine/reference/engine.ts';
import { packRows } from '../../src/engine/rows.ts';
import { ConfigError, DataError } from '../../src/errors.ts';
import { fixturePath, largestError } from '../engine/fixtures.ts';
import { madePolicies } from '../engine/made-policies.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swirl-folder-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** A copy of a made policy, to be broken. */
async function copied(): Promise<string> {
  const path = join(folder, 'policy');
  await cp(fixturePath('made-bpe'), path, { recursive: true });
  return path;
}

async function change(path: string, edit: (json: Record<string, unknown>) => void): Promise<void> {
  const json = JSON.parse(await readFile(path, 'utf8'));
  edit(json);
  await writeFile(path, JSON.stringify(json));
}

describe('a folder that Swirl made', () => {
  test.each(Object.keys(madePolicies))(
    '%s: the decoder predicts what transformers predicts from it',
    async (name) => {
      const policy = await openPolicy(fixturePath(name));
      const expected = JSON.parse(await readFile(`${policy.path}/expected.json`, 'utf8'));
      const engine = await createReferenceEngine(policy.config, await readWeights(policy));
      const targets = expected.ids.map((_: number, i: number) => i).slice(1);
      const logprobs = await engine.forward(packRows([{ tokens: expected.ids, targets }]));
      expect(largestError(logprobs, expected.logprobs)).toBeLessThan(1e-4);
      expect(policy.renderer.stopTokens).toEqual([3, 1]);
    },
  );

  test('is made again, to the byte, from the same seed', async () => {
    const path = join(folder, 'made-bpe');
    await makePolicy({ ...madePolicies['made-bpe'](), path });
    for (const file of await readdir(path)) {
      expect([file, await readFile(join(path, file))]).toEqual([
        file,
        await readFile(`${fixturePath('made-bpe')}/${file}`),
      ]);
    }
  });

  test('another seed gives other weights; an inconsistent shape is refused', async () => {
    const { config } = await openPolicy(fixturePath('made-bpe'));
    const shapes = tensorShapes(config);
    expect(hashWeights(initialWeights(config, 1), shapes)).not.toBe(
      hashWeights(initialWeights(config, 2), shapes),
    );
    const shape = { ...policyShape.parse({}), keyValueHeads: 3 };
    const made = makePolicy({ ...madePolicies['made-bpe'](), shape, path: join(folder, 'x') });
    await expect(made).rejects.toThrow(/num_key_value_heads/);
  });
});

describe('savePolicy', () => {
  test('weights come back to the bit, with their files, and what was there is replaced', async () => {
    const from = await openPolicy(fixturePath('made-words'));
    const path = join(folder, 'step-1');
    const weights = await readWeights(from);
    await savePolicy(path, from, weights);
    const changed = new Map(weights);
    changed.set(
      'model.norm.weight',
      Float32Array.from({ length: 16 }, (_, i) => i / 7),
    );
    await savePolicy(path, from, changed, (aside) => writeFile(join(aside, 'train.json'), '{}'));
    const saved = await openPolicy(path);
    const found = await readWeights(saved);
    for (const [name, values] of changed) expect(found.get(name)).toEqual(values);
    expect(saved.renderer.render([{ role: 'user', content: 'Ada' }])).toEqual(
      from.renderer.render([{ role: 'user', content: 'Ada' }]),
    );
    expect(await readdir(path)).toContain('train.json');
    expect(await readdir(folder)).toEqual(['step-1']);
  });

  test('a save that fails leaves what was there', async () => {
    const path = join(folder, 'step-1');
    const from = await openPolicy(fixturePath('made-words'));
    await savePolicy(path, from, await readWeights(from));
    const failing = writeFolderAside(path, async () => {
      throw new Error('disk full');
    });
    await expect(failing).rejects.toThrow('disk full');
    expect((await readWeights(await openPolicy(path))).size).toBe(tensorShapes(from.config).size);
  });

  test("the optimizer's state comes back to the bit", async () => {
    const { config } = await openPolicy(fixturePath('made-bpe'));
    const shapes = tensorShapes(config);
    const state = { step: 17, m: initialWeights(config, 1), v: initialWeights(config, 2) };
    const path = join(folder, 'optimizer.safetensors');
    await writeOptimizer(path, state, shapes);
    const found = await readOptimizer(path, shapes);
    expect(found.step).toBe(17);
    for (const [name, values] of state.m) expect(found.m.get(name)).toEqual(values);
    for (const [name, values] of state.v) expect(found.v.get(name)).toEqual(values);
    const other = tensorShapes({ ...config, layers: 1 });
    await expect(readOptimizer(path, other)).rejects.toThrow(ConfigError);
    await expect(readOptimizer(`${fixturePath('made-bpe')}/model.safetensors`, shapes)).rejects.toThrow(
      /"step"/,
    );
  });
});

test('the hash of weights is SHA-256 over names, shapes and bytes in the order of names', () => {
  const shapes = new Map([
    ['b', [2, 1]],
    ['a', [1]],
  ]);
  const expected = createHash('sha256')
    .update('a\x001\x00')
    .update(Buffer.from(Float32Array.of(1.5).buffer))
    .update('b\x002,1\x00')
    .update(Buffer.from(Float32Array.of(-1, 2).buffer));
  const weights = new Map([
    ['b', Float32Array.of(-1, 2)],
    ['a', Float32Array.of(1.5)],
  ]);
  expect(hashWeights(weights, shapes)).toBe(expected.digest('hex'));
});

describe('broken folders are refused by name', () => {
  test('no folder', async () => {
    await expect(openPolicy(join(folder, 'nothing'))).rejects.toThrow(/nothing: expected a policy's folder/);
  });

  test.each<[string, (path: string) => Promise<unknown>, RegExp]>([
    ['no config.json', (path) => rm(join(path, 'config.json')), /found no config\.json/],
    [
      'half a config.json',
      (path) => writeFile(join(path, 'config.json'), '{"model_type"'),
      /config\.json: expected JSON/,
    ],
    [
      'another family',
      (path) =>
        change(join(path, 'config.json'), (c) => {
          c.model_type = 'gpt2';
        }),
      /found "gpt2"/,
    ],
    [
      'too small a vocabulary',
      (path) =>
        change(join(path, 'config.json'), (c) => {
          c.vocab_size = 300;
        }),
      /tokenizer\.json: expected ids below.*300, found 329/,
    ],
    [
      'no tokenizer.json',
      (path) => rm(join(path, 'tokenizer.json')),
      /with a tokenizer\.json, found one without/,
    ],
    [
      'a rendering that is none',
      (path) =>
        change(join(path, 'tokenizer_config.json'), (c) => {
          c.swirl = { endOfTurn: 3 };
        }),
      /tokenizer_config\.json: .*endOfTurn/s,
    ],
  ])('%s', async (_name, breakIt, message) => {
    const path = await copied();
    await breakIt(path);
    await expect(openPolicy(path)).rejects.toThrow(message);
  });

  test('weights that do not fit config.json, with the tensor and both shapes', async () => {
    const path = await copied();
    await change(join(path, 'config.json'), (c) => {
      c.intermediate_size = 33;
    });
    const weights = readWeights(await openPolicy(path));
    await expect(weights).rejects.toThrow(
      /mlp\.gate_proj\.weight to have shape \(33, 16\).*found \(32, 16\)/,
    );
  });

  test('more layers than tensors, and fewer', async () => {
    const path = await copied();
    for (const [layers, message] of [
      [3, /expected a tensor model\.layers\.2\..*found none/],
      [1, /found a tensor model\.layers\.1\./],
    ] as const) {
      const config = parseDecoderConfig(
        { ...JSON.parse(await readFile(join(path, 'config.json'), 'utf8')), num_hidden_layers: layers },
        'x',
      );
      await expect(readWeights({ path, config })).rejects.toThrow(message);
    }
  });

  test('a cut weights file, with the tensor and both shapes', async () => {
    const path = await copied();
    await truncate(join(path, 'model.safetensors'), 20_000);
    const weights = readWeights(await openPolicy(path));
    await expect(weights).rejects.toThrow(DataError);
    await expect(readWeights(await openPolicy(path))).rejects.toThrow(
      /cut in tensor model\.embed_tokens\.weight: expected \(330, 16\).*found \(\d+, 16\)/,
    );
  });
});
