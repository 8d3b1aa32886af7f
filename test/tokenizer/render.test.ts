import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Message } from '../../src/agent/model.ts';
import { ConfigError, ModelError } from '../../src/errors.ts';
import { wordTokenizer } from '../../src/tokenizer/new-tokenizer.ts';
import { FormatRenderer, gemmaFormat, plainFormat, renderFormat } from '../../src/tokenizer/render.ts';
import { PolicyTokenizer } from '../../src/tokenizer/tokenizer.ts';

const tokenizer = new PolicyTokenizer(
  wordTokenizer({ words: ['one', 'two', 'model', 'user'] }).json,
  {},
  'made',
);
const plain = new FormatRenderer(tokenizer, plainFormat, { endsOfText: [1] });
const gemma = new FormatRenderer(tokenizer, gemmaFormat, { endsOfText: [1] });
const end = plain.endOfTurn;

const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('one two', '<end_of_turn>', '<bos>', ''),
);
const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ role: fc.constantFrom('system' as const, 'user' as const), content: text }),
  fc.record({
    role: fc.constant('assistant' as const),
    content: text,
    tokens: fc.oneof(fc.constant(null), fc.array(fc.nat(tokenizer.vocabularySize - 1))),
  }),
);

describe.each([
  ['plain', plain],
  ['gemma', gemma],
])('%s rendering', (_name, renderer) => {
  test('the rendering of the first messages is a prefix of the rendering of all', () => {
    fc.assert(
      fc.property(fc.array(message), fc.nat(), (messages, cut) => {
        const first = messages.slice(0, cut % (messages.length + 1));
        const whole = renderer.render(messages);
        const part = renderer.render(first);
        expect(whole.ids.slice(0, part.ids.length)).toEqual(part.ids);
        expect(whole.spans.slice(0, part.spans.length)).toEqual(part.spans);
      }),
    );
  });

  test('an open rendering is the context that a recorded action stands in', () => {
    fc.assert(
      fc.property(fc.array(message), fc.array(fc.nat(tokenizer.vocabularySize - 1)), (messages, tokens) => {
        const context = renderer.render(messages, { open: true }).ids;
        const { ids, spans } = renderer.render([
          ...messages,
          { role: 'assistant', content: 'ignored', tokens },
        ]);
        const span = spans[spans.length - 1];
        expect(ids.slice(0, span.start)).toEqual(context);
        expect(ids.slice(span.start, span.end)).toEqual(tokens);
        expect(span.message).toBe(messages.length);
      }),
    );
  });

  test('text from outside ends no turn: as many ends as there are closed messages', () => {
    fc.assert(
      fc.property(fc.array(text), (observations) => {
        const messages: Message[] = observations.map((content) => ({ role: 'user', content }));
        const { ids } = renderer.render(messages);
        expect(ids.filter((id) => id === end)).toHaveLength(observations.length);
      }),
    );
  });
});

describe('plain rendering', () => {
  const spell = (ids: readonly number[]) =>
    ids.map((id) => (tokenizer.specialIds.has(id) ? `[${id}]` : tokenizer.decode([id])));

  test('looks like this', () => {
    const { ids, spans } = plain.render([
      { role: 'system', content: 'one' },
      { role: 'user', content: 'two' },
      { role: 'assistant', content: 'one two' },
      { role: 'user', content: '7' },
    ]);
    expect(spell(ids)).toEqual([
      '[2]',
      'one',
      '\n',
      'two',
      `[${end}]`,
      'one',
      ' two',
      `[${end}]`,
      '7',
      `[${end}]`,
    ]);
    expect(spans).toEqual([{ message: 2, start: 5, end: 8 }]);
  });

  test('recorded ids are used as they are, and closed by context where they do not end', () => {
    const render = (tokens: number[]) => plain.render([{ role: 'assistant', content: 'one', tokens }]);
    const [one] = tokenizer.encode('one');
    expect(render([one, one, end])).toEqual({
      ids: [2, one, one, end],
      spans: [{ message: 0, start: 1, end: 4 }],
    });
    expect(render([one, 1])).toEqual({ ids: [2, one, 1], spans: [{ message: 0, start: 1, end: 3 }] });
    expect(render([one, one])).toEqual({
      ids: [2, one, one, end],
      spans: [{ message: 0, start: 1, end: 3 }],
    });
    expect(render([])).toEqual({ ids: [2, end], spans: [{ message: 0, start: 1, end: 1 }] });
  });

  test('recorded ids of another vocabulary are refused', () => {
    const render = () => plain.render([{ role: 'assistant', content: 'one', tokens: [5, 99_999] }]);
    expect(render).toThrow(ModelError);
    expect(render).toThrow(/found 99999/);
  });

  test('a long observation is rendered', () => {
    const content = 'one '.repeat(200_000);
    expect(plain.render([{ role: 'user', content }]).ids.length).toBeGreaterThan(200_000);
  });
});

test('gemma: instructions and question share a turn', () => {
  const { ids } = gemma.render(
    [
      { role: 'system', content: 'one' },
      { role: 'user', content: 'two' },
    ],
    { open: true },
  );
  // This tokenizer has no <start_of_turn>, which is spelled here.
  expect(tokenizer.decode(ids)).toBe('<start_of_turn>user\none\n\ntwo\n<start_of_turn>model\n');
});

test('the end of turn must be a special token', () => {
  expect(() => new FormatRenderer(tokenizer, renderFormat.parse({ endOfTurn: 'one' }))).toThrow(ConfigError);
  expect(() => new FormatRenderer(tokenizer, renderFormat.parse({ endOfTurn: '<nothing>' }))).toThrow(
    /<nothing>/,
  );
});
