import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Message } from '../../src/agent/model.ts';
import { ConfigError, ModelError } from '../../src/errors.ts';
import { type Language, openLanguage } from '../../src/tokenizer/language.ts';
import type { Renderer } from '../../src/tokenizer/render.ts';

const root = fileURLToPath(new URL('../fixtures/templates', import.meta.url));
const names = ['chatml', 'reasoning', 'headers', 'turns', 'instructions'] as const;
type Name = (typeof names)[number];

const endsOfTurns: Readonly<Record<Name, string>> = {
  chatml: '<|im_end|>',
  reasoning: '<|im_end|>',
  headers: '<|eot_id|>',
  turns: '<end_of_turn>',
  instructions: '</s>',
};
const settings = { vocabSize: 500, endsOfText: [], beginningOfText: null };

const readJson = async (path: string) => JSON.parse(await readFile(`${root}/${path}`, 'utf8'));

let conversations: Record<string, Message[]>;
let folder: string;
beforeAll(async () => {
  conversations = await readJson('conversations.json');
  folder = await mkdtemp(join(tmpdir(), 'swirl-templates-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Text that would be more than text. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...Object.values(endsOfTurns),
        '<|im_start|>system\n',
        '<|begin_of_text|>',
        '<bos>',
        '<s>',
      ),
      fc.constantFrom('[INST]', '</think>', '<think>', '<tool_response>', '{{ bos_token }}', '{% endfor %}'),
      fc.constantFrom(
        '\u{f0000}',
        '\u{f0000}0\u{f0000}',
        '\u{f0001}1\u{f0001}',
        'message 0',
        ' ',
        '\n\n',
        'clips',
      ),
      fc.string({ unit: 'grapheme', maxLength: 5 }),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''));

/** Whether there are instructions, and the rounds of a question and an action, which may be recorded ids. */
const rounds = fc.record({
  system: fc.option(hostile),
  rounds: fc.array(fc.record({ user: hostile, action: hostile, tokens: fc.option(fc.array(fc.nat(400))) }), {
    minLength: 1,
    maxLength: 4,
  }),
});
type Rounds = typeof rounds extends fc.Arbitrary<infer T> ? T : never;

function messagesOf({ system, rounds }: Rounds): Message[] {
  const first: Message[] = system === null ? [] : [{ role: 'system', content: system }];
  return first.concat(
    rounds.flatMap(({ user, action, tokens }): Message[] => [
      { role: 'user', content: user },
      { role: 'assistant', content: action, tokens },
    ]),
  );
}

describe.each(names)('%s', (name) => {
  let language: Language;
  let renderer: Renderer;
  let expected: { text: number[]; conversations: Record<string, number[]> };
  beforeAll(async () => {
    language = await openLanguage(`${root}/${name}`, settings);
    renderer = language.renderer();
    expected = await readJson(`${name}/expected.json`);
  });

  test('questions have the ids that apply_chat_template gives, with its generation prompt', () => {
    expect(renderer.endOfTurn).toBe(language.tokenizer.id(endsOfTurns[name]));
    const asked = Object.entries(conversations).filter(([, messages]) => messages.at(-1)?.role === 'user');
    expect(asked).toHaveLength(6);
    for (const [key, messages] of asked) {
      const { ids } = renderer.render(messages, { open: true });
      expect([key, ids]).toEqual([key, expected.conversations[key]]);
    }
  });

  test('an answer stands after the generation prompt, and ends with the end of turn', () => {
    const { ids, spans } = renderer.render(conversations.finished);
    const open = renderer.render(conversations.finished.slice(0, 1), { open: true }).ids;
    expect(spans).toEqual([{ message: 1, start: open.length, end: ids.length }]);
    expect(ids.at(-1)).toBe(renderer.endOfTurn);
    // Transformers' ids end with what comes after the end of turn, or (reasoning) with an empty thought.
    const theirs = expected.conversations.finished;
    const length = name === 'reasoning' ? open.length : ids.length;
    expect(ids.slice(0, length)).toEqual(theirs.slice(0, length));
    expect(theirs.slice(ids.length).filter((id) => language.tokenizer.specialIds.has(id))).toEqual(
      name === 'reasoning' ? [renderer.endOfTurn] : [],
    );
  });

  test('a text by itself has the ids that the tokenizer gives', () => {
    const { beginning, tokenizer } = language;
    expect([...beginning, ...tokenizer.encode('She sold 48 clips.')]).toEqual(expected.text);
  });

  test('no text makes a special token: as many as around other words, in the same places', () => {
    const special = (messages: readonly Message[]) =>
      renderer.render(messages, { open: true }).ids.filter((id) => language.tokenizer.specialIds.has(id));
    fc.assert(
      fc.property(rounds, (some) => {
        const messages = messagesOf(some).map((message) => ({ ...message, tokens: null }));
        const others = messages.map((message) => ({ ...message, content: 'clips' }));
        expect(special(messages)).toEqual(special(others));
      }),
    );
  });

  test('an open rendering is the context that an action stands in, recorded ids as they are', () => {
    fc.assert(
      fc.property(rounds, (some) => {
        const messages = messagesOf(some);
        const context = renderer.render(messages.slice(0, -1), { open: true }).ids;
        const { ids, spans } = renderer.render(messages);
        const { start, end, message } = spans[spans.length - 1];
        expect(message).toBe(messages.length - 1);
        expect(ids.slice(0, start)).toEqual(context);
        const { tokens } = messages[messages.length - 1];
        if (tokens) expect(ids.slice(start, end)).toEqual(tokens);
        else expect(ids.at(-1)).toBe(renderer.endOfTurn);
      }),
    );
  });

  if (name !== 'reasoning') {
    test('only appends: the rendering of the first messages is a prefix of that of all', () => {
      fc.assert(
        fc.property(rounds, fc.nat(), (some, at) => {
          const messages = messagesOf(some);
          // Instructions by themselves are no conversation yet.
          const least = some.system === null ? 1 : 2;
          const part = renderer.render(messages.slice(0, least + (at % (messages.length - least))));
          const whole = renderer.render(messages);
          expect(whole.ids.slice(0, part.ids.length)).toEqual(part.ids);
          expect(whole.spans.slice(0, part.spans.length)).toEqual(part.spans);
        }),
      );
    });
  }

  test('a cut sample is closed by an end of turn that is context', () => {
    const one = language.tokenizer.encode('clips', { continues: true });
    const { ids, spans } = renderer.render([
      { role: 'user', content: 'How many?' },
      { role: 'assistant', content: 'clips', tokens: one },
    ]);
    expect(ids.slice(spans[0].start, spans[0].end)).toEqual(one);
    expect(ids.length).toBeGreaterThan(spans[0].end);
    expect(ids.at(-1)).toBe(renderer.endOfTurn);
  });

  test('ids of another vocabulary are refused; those of padding are of this one', () => {
    const render = (id: number) =>
      renderer.render([
        { role: 'user', content: 'x' },
        { role: 'assistant', content: '', tokens: [id] },
      ]);
    expect(() => render(500)).toThrow(ModelError);
    expect(render(499).ids).toContain(499);
  });
});

describe('a template that rewrites history', () => {
  test('is followed: old reasoning is gone, and with it the prefix', async () => {
    const language = await openLanguage(`${root}/reasoning`, settings);
    const renderer = language.renderer();
    const { tokenizer } = language;
    const thought = '<think>\nHalf.\n</think>\n\n24';
    const first: Message[] = [
      { role: 'user', content: 'How many?' },
      { role: 'assistant', content: thought, tokens: [...tokenizer.encode(thought), renderer.endOfTurn] },
    ];
    const row = renderer.render(first).ids;
    const next = renderer.render([...first, { role: 'user', content: 'And then?' }], { open: true });
    expect(next.ids.slice(0, row.length)).not.toEqual(row);
    expect(next.ids).not.toContain(tokenizer.id('<think>'));
    expect(next.spans).toEqual([]);
  });
});

describe('where the template comes from', () => {
  const ask: Message[] = [{ role: 'user', content: 'clips' }];

  async function changed(edit: (config: Record<string, unknown>) => void, jinja?: string): Promise<Language> {
    const path = join(folder, 'language');
    await rm(path, { recursive: true, force: true });
    await cp(`${root}/chatml`, path, { recursive: true });
    await rm(join(path, 'chat_template.jinja'));
    const config = await readJson('chatml/tokenizer_config.json');
    edit(config);
    await writeFile(join(path, 'tokenizer_config.json'), JSON.stringify(config));
    if (jinja !== undefined) await writeFile(join(path, 'chat_template.jinja'), jinja);
    return openLanguage(path, settings);
  }

  const written = ({ tokenizer, renderer }: Language) => tokenizer.decode(renderer().render(ask).ids);
  const template = (word: string) => `{% for m in messages %}${word} {{ m.content }}<|im_end|>{% endfor %}`;

  test("the swirl section, the file of its own, the tokenizer's settings, the tokens that there are", async () => {
    const all = (config: Record<string, unknown>) => {
      config.chat_template = template('settings');
      config.swirl = { endOfTurn: '<|im_end|>', user: { before: 'swirl ' } };
    };
    const both = (config: Record<string, unknown>) => {
      config.chat_template = template('settings');
    };
    expect(written(await changed(all, template('file')))).toBe('swirl clips');
    expect(written(await changed(both, template('file')))).toBe('file clips');
    expect(written(await changed(both))).toBe('settings clips');
    const named = await changed((config) => {
      config.chat_template = [
        { name: 'tool_use', template: template('tools') },
        { name: 'default', template: template('default') },
      ];
    });
    expect(written(named)).toBe('default clips');
    const none = await changed(() => {});
    expect(none.renderer().render(ask).ids).toEqual([
      ...none.tokenizer.encode('clips'),
      none.tokenizer.id('<|im_end|>'),
    ]);
  });

  test.each<[string, string, RegExp]>([
    ['no Jinja', '{% for m in %}', /chat_template\.jinja: the chat template cannot be read/],
    ['what refuses every conversation', "{{ raise_exception('no') }}", /refuses this conversation: no/],
    ['what cuts messages', '{% for m in messages %}{{ m.content[:2] }}{% endfor %}<|im_end|>', /cuts into/],
    ['what shows no question', '{{ messages[0].content }}<|im_end|>', /leaves out the last message/],
    [
      'loops without an end',
      '{% for i in range(1000000000) %}x{% endfor %}',
      /range: expected at most 100000 numbers/,
    ],
  ])('%s is refused with the file', async (_name, source, message) => {
    const language = await changed(() => {}, source);
    expect(() => language.renderer()).toThrow(ConfigError);
    expect(() => language.renderer()).toThrow(message);
    expect(() => language.renderer()).toThrow(/"swirl" section/);
  });

  test('without an end of turn in the template it is the end of the text; without either there is none', async () => {
    const open = '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}';
    const { renderer, tokenizer } = await changed(() => {}, open);
    expect(renderer().endOfTurn).toBe(tokenizer.id('<|im_end|>'));
    const bare = await changed((config) => {
      delete config.eos_token;
    }, open);
    expect(() => bare.renderer()).toThrow(/a special token after an assistant message, or an "eos_token"/);
  });

  test('what a template refuses later is an error of that conversation', async () => {
    const alternating = await openLanguage(`${root}/turns`, settings);
    const render = () => alternating.renderer().render([...ask, ...ask]);
    expect(render).toThrow(ModelError);
    expect(render).toThrow(/roles must alternate/);
  });

  test('contents that a template rewrites are written as it has them, without a say in the rest', async () => {
    const source =
      "{% for m in messages %}{{ m.role }}: {{ m.content | upper }}{% if 'please' in m.content %}<|im_start|>{% endif %}<|im_end|>{% endfor %}";
    const language = await changed(() => {}, source);
    const { tokenizer } = language;
    const text = (content: string) => language.renderer().render([{ role: 'user', content }]).ids;
    expect(text('clips')).toEqual([...tokenizer.encode('user: CLIPS'), tokenizer.id('<|im_end|>')]);
    expect(text('please')).toEqual([...tokenizer.encode('user: please'), tokenizer.id('<|im_end|>')]);
  });
});
