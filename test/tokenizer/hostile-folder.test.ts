/**
 * A policy's folder is a stranger's: its tokenizer's expressions and parts, its template and its sizes are
 * bounded in time and memory. Each case is refused with a reason, here and beside the event loop; what is
 * rendered there is what is rendered here.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Message } from '../../src/agent/model.ts';
import { openPolicy } from '../../src/checkpoint/folder.ts';
import { openWeights } from '../../src/checkpoint/weight-files.ts';
import { SwirlError } from '../../src/errors.ts';
import { renderAside } from '../../src/tokenizer/bounded-renderer.ts';
import { inTime, OvertimeError } from '../../src/tokenizer/in-time.ts';

type Json = Record<string, unknown>;

const sound = fileURLToPath(new URL('../../assets/base-policy', import.meta.url));
const [evil, many] = ['(a|aa)+$', 'a'.repeat(60)].map((text) => text as string) as [string, string];
const user = (content: string): Message[] => [{ role: 'user', content }];

let home: string;
let count = 0;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'swirl-hostile-'));
});
afterAll(() => rm(home, { recursive: true }));

/** A copy of the sound folder with some keys of one of its files replaced. */
async function folderWith(file: string, keys: Json): Promise<string> {
  const path = join(home, `${count++}`);
  await cp(sound, path, { recursive: true });
  const json = JSON.parse(await readFile(join(path, file), 'utf8')) as Json;
  await writeFile(join(path, file), JSON.stringify({ ...json, ...keys }));
  return path;
}

const replace = (pattern: Json, content: string) => ({ type: 'Replace', pattern, content });
const sequence = (...normalizers: Json[]) => ({ type: 'Sequence', normalizers });
const token = (id: number) => ({ id, content: '<far>', special: true, normalized: false });

test.each<[string, Json, RegExp]>([
  ['ids of 1e9', { added_tokens: [token(1e9)] }, /expected ids below 16777216, found 1000000000/],
  [
    'replacements that double a text, many times',
    { normalizer: sequence(...Array.from({ length: 40 }, () => replace({ String: 'a' }, 'aa'))) },
    /normalizer: expected parts that make a text at most 64 times as long/,
  ],
  [
    'one that multiplies a text',
    { normalizer: replace({ Regex: '' }, 'x'.repeat(9999)) },
    /at most 64 times/,
  ],
  [
    'one that inserts the text itself',
    { normalizer: replace({ String: 'a' }, '$`') },
    /content without "\$&"/,
  ],
  ['cuts that never end', { pre_tokenizer: { type: 'FixedLength', length: 0 } }, /a length of at least 1/],
  [
    'an expression without end',
    { pre_tokenizer: { type: 'Split', pattern: { Regex: 'a'.repeat(10_001) }, behavior: 'Isolated' } },
    /expressions of at most 10000 characters/,
  ],
])('a tokenizer with %s is refused when it is opened', async (_, keys, reason) => {
  const path = await folderWith('tokenizer.json', keys);
  await expect(openPolicy(path)).rejects.toThrow(reason);
});

describe('an expression that backtracks for ever', () => {
  let path: string;
  beforeAll(async () => {
    const pattern = { Regex: evil };
    path = await folderWith('tokenizer.json', {
      pre_tokenizer: { type: 'Split', pattern, behavior: 'Isolated', invert: false },
    });
  });

  test('is ended, here and beside the event loop, which goes on meanwhile; other texts are none the worse', async () => {
    const { renderer } = await openPolicy(path, { renderTimeoutMs: 400 });
    const text = `${many}b`;
    expect(() => renderer.render(user(text))).toThrow(OvertimeError);
    let turns = 0;
    const turning = setInterval(() => turns++, 1);
    const long = `${text} ${'b '.repeat(20_000)}${many}c`;
    await expect(renderAside(renderer, user(long))).rejects.toThrow(/within 400 ms.*hostile/s);
    clearInterval(turning);
    expect(turns).toBeGreaterThan(3);
    expect(renderer.render(user('b')).ids.length).toBeGreaterThan(1);
  });
});

describe('a chat template', () => {
  const body = '{{ bos_token }}{% for m in messages %}{{ m.content }}<end_of_turn>{% endfor %}';
  const loops = '{% set r = range(9000) %}{% for a in r %}{% for b in r %}{% endfor %}{% endfor %}';
  const doubles = (value: string) =>
    `{% set n = namespace(x=${value}) %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}`;

  async function templated(template: string): Promise<string> {
    const config = JSON.parse(await readFile(join(sound, 'tokenizer_config.json'), 'utf8')) as Json;
    return folderWith('tokenizer_config.json', { ...config, swirl: undefined, chat_template: template });
  }

  test.each<[string, string, RegExp]>([
    ['loops without end', loops + body, /expected at most \d+ steps, found more/],
    ['a text that doubles', doubles("'x'") + body, /characters and items to be made, found more/],
    ['a list that doubles', doubles('[1]') + body, /characters and items to be made, found more/],
    ['a macro that calls itself', `{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}${body}`, /template/],
  ])('with %s is refused when the folder is opened', async (_, template, reason) => {
    await expect(openPolicy(await templated(template))).rejects.toThrow(reason);
  });

  test('that waits for its time is refused then; a longer conversation gets more steps', async () => {
    const trap = `{% if messages|length > 39 %}${loops}{% endif %}${body}`;
    const { renderer } = await openPolicy(await templated(trap));
    const all = Array.from({ length: 20 }, (_, i) => [
      { role: 'user' as const, content: `${i}` },
      { role: 'assistant' as const, content: `${i}` },
    ]).flat();
    expect(renderer.render(all.slice(0, -1), { open: true }).ids.length).toBeGreaterThan(40);
    expect(() => renderer.render(all, { open: true })).toThrow(/expected at most \d+ steps/);
    const longer = [...all, ...user(' x'.repeat(20_000))];
    await expect(renderAside(renderer, longer, { open: true })).rejects.toThrow(/at most \d+ steps/);
  });
});

test('what is rendered beside the event loop is what is rendered here', async () => {
  const { renderer } = await openPolicy(sound);
  const words = Array.from({ length: 9000 }, (_, i) => `${i % 7 ? 'river' : 'tower'} ${i}`).join(' ');
  const messages: Message[] = [...user(words), { role: 'assistant', content: 'so' }, ...user('and?')];
  expect(await renderAside(renderer, messages, { open: true })).toEqual(
    renderer.render(messages, { open: true }),
  );
});

test('every size of config.json may be 1e9: it is refused, or no memory is taken for it', async () => {
  const json = JSON.parse(await readFile(join(sound, 'config.json'), 'utf8')) as Json;
  const sizes = Object.keys(json).filter((key) => Number.isInteger(json[key]) && !key.endsWith('token_id'));
  expect(sizes.length).toBeGreaterThan(8);
  for (const key of sizes) {
    const path = await folderWith('config.json', { [key]: 1e9 });
    const before = process.memoryUsage().rss;
    try {
      const { config } = await openPolicy(path);
      await (await openWeights({ path, config })).close();
    } catch (error) {
      if (!(error instanceof SwirlError)) throw error;
      expect(error.message).toMatch(/expected/);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 29);
  }
});

test('bounded work gives its result and its own errors', () => {
  const bound = { ms: 60_000, what: () => 'this' };
  expect(inTime(bound, () => inTime(bound, () => 7))).toBe(7);
  const own = new RangeError('own');
  expect(() =>
    inTime(bound, () => {
      throw own;
    }),
  ).toThrow(own);
  expect(() => inTime({ ...bound, ms: 100 }, () => new RegExp(evil).test(`${many}b`))).toThrow(
    /this: expected within 100 ms/,
  );
});
