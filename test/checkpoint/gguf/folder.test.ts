/**
 * Folders of GGUF files, beside what their tokenizers' libraries and transformers made of their origins
 * (test/fixtures/make-gguf.py), and what is no such file.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from '@jest/globals';
import { openDecoder, savePolicy } from '../../../src/checkpoint/folder.ts';
import { makeGgufFolder } from '../../../src/checkpoint/gguf/folder.ts';
import { openEngine } from '../../../src/checkpoint/open-engine.ts';
import { openWeights, readWeights } from '../../../src/checkpoint/weight-files.ts';
import { packRows } from '../../../src/engine/rows.ts';

const fixtures = fileURLToPath(new URL('../../fixtures/gguf/', import.meta.url));
const expected = JSON.parse(readFileSync(join(fixtures, 'expected.json'), 'utf8')) as {
  readonly texts: readonly string[];
} & Record<'llama' | 'gemma2', { ids: number[][]; row: number[]; logprobs: number[] }>;

const folder = mkdtempSync(join(tmpdir(), 'swirl-gguf-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(['llama', 'gemma2'] as const)('%s', (name) => {
  const made = makeGgufFolder(join(fixtures, `${name}.gguf`), join(folder, name));
  const { ids, row, logprobs } = expected[name];

  test('texts become the ids that the library which trained the tokenizer gives them, and come back', async () => {
    const { tokenizer } = await made;
    expect(expected.texts.map((text) => tokenizer.encode(text))).toEqual(ids);
    const known = expected.texts.filter((text) => !text.includes('<bos>'));
    expect(known.map((text) => tokenizer.decode(tokenizer.encode(text)))).toEqual(known);
  });

  test('logprobs are those of transformers', async () => {
    const engine = await openEngine(await made, { device: 'reference' });
    const targets = row.map((_, at) => at).slice(1);
    const found = await engine.forward(packRows([{ tokens: row, targets }]));
    await engine.close();
    for (const [at, logprob] of logprobs.entries()) expect(found[at]).toBeCloseTo(logprob, 4);
  });

  test('the file is not copied; saved it is a folder of safetensors with the same numbers', async () => {
    const policy = await made;
    expect(statSync(join(policy.path, 'model.gguf')).ino).toBe(statSync(join(fixtures, `${name}.gguf`)).ino);
    const weights = await readWeights(policy);
    const saved = join(folder, `${name}-saved`);
    await savePolicy(saved, policy, weights);
    expect(await readWeights(await openDecoder(saved))).toEqual(weights);
  });
});

test('what surrounds a text: the beginning of the text, the chat template', async () => {
  const { renderer } = await makeGgufFolder(join(fixtures, 'llama.gguf'), join(folder, 'chat'));
  const { ids } = renderer.render([{ role: 'user', content: 'the tower' }]);
  expect([ids[0], ids.at(-1)]).toEqual([0, 1]);
});

describe('what is no such file is refused', () => {
  const whole = readFileSync(join(fixtures, 'llama.gguf'));
  const refused = async (bytes: Buffer) => {
    const path = join(folder, 'broken.gguf');
    writeFileSync(path, bytes);
    await expect(makeGgufFolder(path, join(folder, 'broken'))).rejects.toMatchObject({
      name: expect.stringMatching(/^(DataError|ConfigError)$/),
      message: expect.stringContaining('broken.gguf'),
    });
  };

  test('another format, another version, another byte order', async () => {
    await refused(Buffer.from('PK\x03\x04 and so on, for more than 24 bytes'));
    for (const version of [1, 4, 0x03000000]) {
      const bytes = Buffer.from(whole);
      bytes.writeUInt32LE(version, 4);
      await refused(bytes);
    }
  });

  test('cut anywhere', async () => {
    for (let length = 0; length < whole.length; length += 499) await refused(whole.subarray(0, length));
  });

  test('lengths of lies are refused before anything is allocated', async () => {
    const counts = [8, 16, 24];
    for (const at of counts) {
      const bytes = Buffer.from(whole);
      bytes.writeBigUInt64LE(2n ** 62n, at);
      await refused(bytes);
    }
  });

  test('any byte of the header may be another: an error of ours, or a folder', async () => {
    const header = whole.indexOf('rope_freqs.weight') + 400;
    const path = join(folder, 'flipped.gguf');
    for (let at = 0; at < header; at += 97) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] as number) ^ 0xff;
      writeFileSync(path, bytes);
      rmSync(join(folder, 'flipped'), { recursive: true, force: true });
      const outcome = await makeGgufFolder(path, join(folder, 'flipped'))
        .then(openWeights)
        .then((weights) => weights.close())
        .catch((error: Error) => error);
      if (outcome) expect(outcome.name).toMatch(/^(DataError|ConfigError)$/);
    }
  });
});

test('a file in the place of a folder is told what to do', async () => {
  const path = join(folder, 'alone.gguf');
  cpSync(join(fixtures, 'llama.gguf'), path);
  await expect(openDecoder(path)).rejects.toThrow(/swirl gguf FILE FOLDER/);
});
