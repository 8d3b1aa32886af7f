import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { wordTokenizer } from '../../src/tokenizer/new-tokenizer.ts';
import { FormatRenderer, gemmaFormat, plainFormat } from '../../src/tokenizer/render.ts';
import { PolicyTokenizer } from '../../src/tokenizer/tokenizer.ts';
import type { Scored } from '../../src/topics/records.generated.ts';
import { groupByTrajectory, type PackOptions, packTrajectory } from '../../src/train/packing.ts';
import {
  type ActionSpec,
  actionIds,
  endOfTurn,
  letters,
  lettersOf,
  tasks,
  trajectory,
} from './small-world.ts';

const options: PackOptions = {
  renderer: letters,
  tasks,
  ...{ maxRowTokens: 1000, maxPositions: 1000 },
  vocabSize: 32,
  needsLogprobs: false,
};

/** The tokens that a row's step carries loss on. */
function spans(steps: readonly Scored[], settings: Partial<PackOptions> = {}) {
  return packTrajectory(steps, { ...options, ...settings }).rows.map((row) =>
    row.steps.map(({ start, length }) => row.tokens.slice(start, start + length)),
  );
}

const words = fc.string({ unit: fc.constantFrom(...'abcxyz'), minLength: 1, maxLength: 8 });
const actions = fc.array(fc.record<ActionSpec>({ text: words, observation: words, recorded: fc.boolean() }), {
  minLength: 1,
  maxLength: 6,
});

describe('packTrajectory', () => {
  test('k actions give one row with k spans, which are the actions and nothing else', () => {
    fc.assert(
      fc.property(actions, (specs) => {
        expect(spans(trajectory('q/0', specs))).toEqual([
          specs.map(({ text }) => [...lettersOf(text), endOfTurn]),
        ]);
      }),
    );
  });

  test('the row up to the end of each action is that sub-trajectory alone', () => {
    fc.assert(
      fc.property(actions, (specs) => {
        const steps = trajectory('q/0', specs);
        const [row] = packTrajectory(steps, options).rows;
        for (const [index, step] of steps.entries()) {
          const alone = packTrajectory([step], options).rows[0];
          const { start = 0, length = 0 } = row?.steps[index] ?? {};
          expect(row?.tokens.slice(0, start + length)).toEqual(alone?.tokens);
        }
      }),
    );
  });

  test('recorded ids are used as they are, and never the text', () => {
    const [step] = trajectory('q/0', [{ text: 'abc' }]);
    if (step) step.subTrajectory.action.tokens = [9, 9, 31];
    expect(spans(step ? [step] : [])).toEqual([[[9, 9, 31]]]);
  });

  test('a step that is missing leaves its tokens as context', () => {
    const steps = trajectory('q/0', [{ text: 'a' }, { text: 'bb' }, { text: 'ccc' }]).filter(
      (_, i) => i !== 1,
    );
    expect(spans(steps)).toEqual([[actionIds('a'), actionIds('ccc')]]);
  });

  test('a rendering that rewrites history is trained apart', () => {
    // Drops all earlier assistant turns, as templates do that hide old reasoning.
    const forgetful: typeof letters = {
      render: (messages) =>
        letters.render(messages.filter(({ role }, i) => role !== 'assistant' || i === messages.length - 1)),
    };
    const steps = trajectory('q/0', [{ text: 'a' }, { text: 'bb' }, { text: 'ccc' }]);
    expect(spans(steps, { renderer: forgetful })).toEqual([
      [actionIds('a')],
      [actionIds('bb')],
      [actionIds('ccc')],
    ]);
  });

  test('a step with another context is trained apart', () => {
    const steps = trajectory('q/0', [{ text: 'a' }, { text: 'bb' }]);
    const other = trajectory('q/0', [{ text: 'z' }, { text: 'bb' }]);
    expect(spans([...steps.slice(0, 1), ...other.slice(1)])).toEqual([[actionIds('a')], [actionIds('bb')]]);
  });

  test('a row beyond the limit is refused, not cut; the steps that fit are trained on', () => {
    const steps = trajectory('q/0', [{ text: 'a' }, { text: 'bbbbbbbbbb' }]);
    const alone = packTrajectory(steps.slice(0, 1), options).rows[0];
    const { rows, refused } = packTrajectory(steps, { ...options, maxRowTokens: alone?.tokens.length ?? 0 });
    expect(rows).toEqual([alone]);
    expect(refused).toEqual([
      { id: 'q/0/1', reason: expect.stringMatching(/^context and action have 3\d tokens/) },
    ]);
    const reasonOf = (settings: Partial<PackOptions>) =>
      packTrajectory(steps, { ...options, ...settings }).refused[0]?.reason;
    expect(reasonOf({ maxRowTokens: 4 })).toMatch(
      /^context and action have (\d+) tokens, more than the 4 of `stages.train.maxRowTokens`: set it to \1 or more \(the policy has 1000 positions\)$/,
    );
    expect(reasonOf({ maxPositions: 4 })).toMatch(/more than the 4 positions of the policy: .*`maxSteps`/);
  });

  test.each([
    [
      'a reward that is NaN',
      (s: Scored) => {
        s.reward.value = Number.NaN;
      },
      /finite reward, found NaN/,
    ],
    [
      'a reward that is infinite',
      (s: Scored) => {
        s.reward.value = -Infinity;
      },
      /finite reward, found -Infinity/,
    ],
    [
      'an action without tokens',
      (s: Scored) => {
        s.subTrajectory.action.tokens = [];
      },
      /no tokens/,
    ],
    [
      'a token of another vocabulary',
      (s: Scored) => {
        s.subTrajectory.action.tokens = [32];
      },
      /token id 32/,
    ],
    [
      'a task that is not there',
      (s: Scored) => {
        s.subTrajectory.question.task = 'sums';
      },
      /found "sums"/,
    ],
  ])('%s is refused, and the other steps are trained on', (_, spoil, reason) => {
    const [first, second] = trajectory('q/0', [{ text: 'a' }, { text: 'bb' }]);
    if (!first || !second) throw new Error('two steps');
    spoil(second);
    const { rows, refused } = packTrajectory([first, second], options);
    expect(rows.flatMap((row) => row.steps.map(({ id }) => id))).toEqual(['q/0/0']);
    expect(refused).toEqual([{ id: 'q/0/1', reason: expect.stringMatching(reason) }]);
  });

  test('recorded logprobs are demanded only where they are needed', () => {
    const without = trajectory('q/0', [{ text: 'a' }]);
    const short = trajectory('q/1', [{ text: 'a', logprobs: [-1] }]);
    const whole = trajectory('q/2', [{ text: 'a', logprobs: [-1, -2] }]);
    const needing = { ...options, needsLogprobs: true };
    expect(packTrajectory(without, options).refused).toEqual([]);
    expect(packTrajectory(without, needing).refused[0]?.reason).toMatch(/has none/);
    expect(packTrajectory(short, needing).refused[0]?.reason).toMatch(
      /expected 2 recorded logprobs, found 1/,
    );
    expect(packTrajectory(whole, needing).rows[0]?.steps[0]?.recorded).toEqual([-1, -2]);
  });
});

describe.each([
  ['plain', plainFormat],
  ['gemma', gemmaFormat],
])("with the policy's own renderer, %s", (_, format) => {
  const made = wordTokenizer({ words: ['a', 'b', 'c', 'x', 'y', 'z', 'go', 'what'] });
  const tokenizer = new PolicyTokenizer(made.json, {}, 'made');
  const renderer = new FormatRenderer(tokenizer, format);
  const settings = { renderer, vocabSize: tokenizer.vocabularySize };
  const spaced = fc
    .array(fc.constantFrom(...'abcxyz'), { minLength: 1, maxLength: 6 })
    .map((w) => w.join(' '));

  test('tokenized, sampled and cut-off actions share one row, and carry loss on their own tokens only', () => {
    const specs = fc.array(
      fc.record({ text: spaced, observation: spaced, how: fc.constantFrom('none', 'whole', 'cut') }),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(specs, (given) => {
        const tokensOf = ({ text, how }: (typeof given)[number]) => {
          const ids = tokenizer.encode(text);
          if (how === 'none') return null;
          return how === 'cut' ? [...ids] : [...ids, renderer.endOfTurn];
        };
        const steps = trajectory('q/0', given);
        for (const { subTrajectory } of steps) {
          for (const [i, { action }] of [...subTrajectory.context, subTrajectory].entries()) {
            const spec = given[i];
            if (spec) action.tokens = tokensOf(spec);
          }
        }
        const expected = given.map(
          (spec) => tokensOf(spec) ?? [...tokenizer.encode(spec.text), renderer.endOfTurn],
        );
        expect(spans(steps, settings)).toEqual([expected]);
      }),
    );
  });

  test('a token of another vocabulary in the context is refused with what it is', () => {
    const steps = trajectory('q/0', [{ text: 'a' }, { text: 'b' }]);
    const [before] = steps[1]?.subTrajectory.context ?? [];
    if (before) before.action.tokens = [5000];
    const { refused } = packTrajectory(steps.slice(1), { ...options, ...settings });
    expect(refused[0]?.reason).toMatch(/found 5000/);
  });
});

test('groupByTrajectory keeps adjacent steps of a trajectory together', () => {
  const a = trajectory('q/0', [{ text: 'a' }, { text: 'b' }]);
  const b = trajectory('q/1', [{ text: 'c' }]);
  const groups = groupByTrajectory([...a, ...b, ...a]);
  expect(groups.map((group) => group.map(({ subTrajectory }) => subTrajectory.id))).toEqual([
    ['q/0/0', 'q/0/1'],
    ['q/1/0'],
    ['q/0/0', 'q/0/1'],
  ]);
});
