import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openDecoder, openLanguageOf, openPolicy, type PolicyFolder } from '../../src/checkpoint/folder.ts';
import { readWeights } from '../../src/checkpoint/weight-files.ts';
import type { ReferenceEngine } from '../../src/engine/reference/engine.ts';
import { createReferenceEngine } from '../../src/engine/reference/engine.ts';
import { packRows } from '../../src/engine/rows.ts';
import { parseScoreRequest, score } from '../../src/models/score.ts';
import type { Language } from '../../src/tokenizer/language.ts';
import { fixturePath } from '../engine/fixtures.ts';

const messages = [
  { role: 'system', content: 'Answer.' },
  { role: 'user', content: 'Who sold 48 clips?' },
] as const;

let folder: string;
let policy: PolicyFolder;
let language: Language | null;
let engine: ReferenceEngine;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swirl-score-'));
  policy = await openPolicy(fixturePath('made-words'));
  language = await openLanguageOf(policy);
  engine = await createReferenceEngine(policy.config, await readWeights(policy));
});
afterAll(() => rm(folder, { recursive: true }));

test('a completion stands where the trainer finds it: the next assistant message, with its end of turn', async () => {
  const found = await score({ messages: [...messages], completion: 'Ada works' }, { engine, language });
  const { ids, spans } = policy.renderer.render([...messages, { role: 'assistant', content: 'Ada works' }]);
  expect(found.ids).toEqual(ids.slice(spans[0].start, spans[0].end));
  expect(found.context).toEqual(ids.slice(0, spans[0].start));
  const targets = found.ids.map((_, i) => spans[0].start + i);
  expect(found.logprobs).toEqual([...(await engine.forward(packRows([{ tokens: ids, targets }])))]);
});

test('a text and its parts agree: log p(ab) = log p(a) + log p(b | a)', async () => {
  const sum = (values: readonly (number | null)[]) =>
    values.reduce<number>((a, b) => a + (b ?? Number.NaN), 0);
  const whole = await score({ text: 'Ada Lovelace works' }, { engine, language });
  const first = await score({ text: 'Ada' }, { engine, language });
  const rest = await score({ context: 'Ada', completion: ' Lovelace works' }, { engine, language });
  expect(whole.ids).toEqual([...first.ids, ...rest.ids]);
  expect([...whole.context, ...first.ids]).toEqual(rest.context);
  expect(sum(whole.logprobs)).toBeCloseTo(sum(first.logprobs) + sum(rest.logprobs), 5);
});

describe('token ids', () => {
  test('need no tokenizer; the first has no logprob, and the others are those of the text', async () => {
    const text = await score({ text: 'Ada works' }, { engine, language });
    const ids = [...text.context, ...text.ids];
    const alone = await score({ context: [], ids }, { engine, language: null });
    expect(alone).toEqual({ context: [], ids, logprobs: [null, ...text.logprobs] });
    const after = await score({ context: text.context, ids: text.ids }, { engine, language: null });
    expect(after).toEqual(text);
  });

  test('one alone, and none', async () => {
    const options = { engine, language: null };
    expect(await score({ context: [], ids: [5] }, options)).toEqual({
      context: [],
      ids: [5],
      logprobs: [null],
    });
    expect(await score({ context: [5], ids: [] }, options)).toEqual({ context: [5], ids: [], logprobs: [] });
  });

  test('beyond the vocabulary are refused', async () => {
    const { vocabSize } = policy.config;
    const scored = score({ context: [], ids: [1, vocabSize] }, { engine, language: null });
    await expect(scored).rejects.toThrow(`below the vocabulary's ${vocabSize}, found ${vocabSize}`);
  });

  test('text without a tokenizer is refused', async () => {
    await expect(score({ text: 'Ada' }, { engine, language: null })).rejects.toThrow(/no tokenizer\.json/);
  });
});

test('requests are read as documented, and others refused with what was found', () => {
  expect(parseScoreRequest('hello', 'x')).toEqual({ text: 'hello' });
  expect(parseScoreRequest({ context: 'a', completion: 'b' }, 'x')).toEqual({
    context: 'a',
    completion: 'b',
  });
  expect(parseScoreRequest({ ids: [1, 2] }, 'x')).toEqual({ context: [], ids: [1, 2] });
  for (const found of [{ contxt: 'a' }, { ids: [-1] }, { ids: ['a'] }, 3]) {
    expect(() => parseScoreRequest(found, 'in.jsonl:3')).toThrow(/^in\.jsonl:3: expected a text.*found/);
  }
});

test('nothing to score, and too much', async () => {
  expect(await score({ text: '' }, { engine, language })).toEqual({ context: [2], ids: [], logprobs: [] });
  await expect(score({ text: 'x '.repeat(300) }, { engine, language })).rejects.toThrow(/at most 256 tokens/);
});

describe('what stands before a text', () => {
  type Json = Record<string, unknown>;

  /** The beginning that a folder gives texts, after its files were changed. */
  async function beginning(
    edit: (files: { config: Json; tokenizer: Json; settings: Json | null }) => Json | null,
  ): Promise<readonly number[] | undefined> {
    const path = join(folder, 'policy');
    await rm(path, { recursive: true, force: true });
    await cp(fixturePath('made-bpe'), path, { recursive: true });
    const read = async (name: string) => JSON.parse(await readFile(join(path, name), 'utf8')) as Json;
    const files = { config: await read('config.json'), tokenizer: await read('tokenizer.json') };
    const { swirl: _, ...plain } = await read('tokenizer_config.json');
    const settings = edit({ ...files, settings: plain });
    await rm(join(path, 'tokenizer_config.json'));
    if (settings) await writeFile(join(path, 'tokenizer_config.json'), JSON.stringify(settings));
    for (const [name, json] of Object.entries(files))
      await writeFile(join(path, `${name}.json`), JSON.stringify(json));
    return (await openLanguageOf(await openDecoder(path)))?.beginning;
  }

  test.each<[string, Parameters<typeof beginning>[0], number[]]>([
    ['the token that the folder names', ({ settings }) => settings, [2]],
    ['none where it says so', ({ settings }) => ({ ...settings, add_bos_token: false }), []],
    ['none where none is named', () => ({}), []],
    ["config.json's, without settings of the tokenizer", () => null, [2]],
    [
      "what the tokenizer's post-processor puts there",
      ({ tokenizer }) => {
        tokenizer.post_processor = {
          type: 'Sequence',
          processors: [
            { type: 'ByteLevel' },
            {
              type: 'TemplateProcessing',
              single: [
                { SpecialToken: { id: '<eos>', type_id: 0 } },
                { SpecialToken: { id: '<bos>', type_id: 0 } },
                { Sequence: { id: 'A', type_id: 0 } },
                { SpecialToken: { id: '<eos>', type_id: 0 } },
              ],
              pair: [],
              special_tokens: {},
            },
          ],
        };
        return {};
      },
      [1, 2],
    ],
    [
      'what the chat template begins with',
      ({ settings }) => ({
        ...settings,
        chat_template: '{{ bos_token }}{% for m in messages %}{{ m.content }}<end_of_turn>{% endfor %}',
      }),
      [2],
    ],
    [
      'nothing, as the chat template',
      ({ settings }) => ({
        ...settings,
        chat_template: '{% for m in messages %}{{ m.content }}<end_of_turn>{% endfor %}',
      }),
      [],
    ],
  ])('%s', async (_name, edit, expected) => {
    expect(await beginning(edit)).toEqual(expected);
  });
});

test('a folder without a tokenizer is a decoder, and no policy', async () => {
  const path = join(folder, 'bare');
  await cp(fixturePath('made-bpe'), path, { recursive: true });
  await rm(join(path, 'tokenizer.json'));
  const decoder = await openDecoder(path);
  expect(await openLanguageOf(decoder)).toBeNull();
  await expect(openPolicy(path)).rejects.toThrow(/with a tokenizer\.json, found one without/);
});

test('a tokenizer without an end of turn scores texts, and says what it lacks for conversations', async () => {
  const path = join(folder, 'endless');
  await cp(fixturePath('made-bpe'), path, { recursive: true });
  const file = join(path, 'tokenizer.json');
  const json = await readFile(file, 'utf8');
  await writeFile(file, json.replaceAll('<end_of_turn>', '<unused>').replaceAll('<eos>', '<unused2>'));
  await writeFile(join(path, 'tokenizer_config.json'), '{}');
  const words = await openLanguageOf(await openDecoder(path));
  expect((await score({ text: 'Ada' }, { engine, language: words })).logprobs[0]).toBeNull();
  await expect(
    score({ messages: [...messages], completion: 'x' }, { engine, language: words }),
  ).rejects.toThrow(/end of turn.*special token/);
});
