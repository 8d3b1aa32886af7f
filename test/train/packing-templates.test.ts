/**
 * Packing where checkpoints bring chat templates of their own: one row where they only append, rows apart
 * where they rewrite.
 */
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { conversation } from '../../src/agent/conversation.ts';
import { openLanguage } from '../../src/tokenizer/language.ts';
import { packTrajectory } from '../../src/train/packing.ts';
import { tasks, trajectory } from './small-world.ts';

const root = fileURLToPath(new URL('../fixtures/templates', import.meta.url));

/** Three actions with reasoning, sampled by a policy with this template, and how they are packed. */
async function packed(name: string) {
  const settings = { vocabSize: 500, endsOfText: [], beginningOfText: null };
  const language = await openLanguage(`${root}/${name}`, settings);
  const renderer = language.renderer();
  const given = [48, 24, 72].map((number) => ({
    text: `<think>\nLet me see: ${number}.\n</think>\n\n<answer>${number}</answer>`,
    observation: `And ${number}?`,
  }));
  const steps = trajectory('q/0', given);
  const recorded = ({ text }: { readonly text: string }) => [
    ...language.tokenizer.encode(text, { continues: true }),
    renderer.endOfTurn,
  ];
  for (const { subTrajectory } of steps)
    for (const { action } of [...subTrajectory.context, subTrajectory]) action.tokens = recorded(action);
  const { rows, refused } = packTrajectory(steps, {
    ...{ renderer, tasks, maxRowTokens: 1000, maxPositions: 1000, vocabSize: 500, needsLogprobs: false },
  });
  expect(refused).toEqual([]);
  // What the sampler was given before each action.
  const prompts = steps.map(({ subTrajectory: { context, question } }) => {
    const state = {
      task: { instructions: tasks.get('letters')?.instructions ?? '' },
      question,
      steps: context,
    };
    return renderer.render(conversation(state), { open: true }).ids;
  });
  return { rows, prompts, actions: given.map(recorded), thinks: language.tokenizer.id('<think>') };
}

describe('each action stands after what it was sampled from', () => {
  test.each(['chatml', 'headers', 'turns', 'instructions'])('%s: in one row', async (name) => {
    const { rows, prompts, actions } = await packed(name);
    expect(rows).toHaveLength(1);
    for (const [i, { start, length }] of (rows[0]?.steps ?? []).entries()) {
      expect(rows[0]?.tokens.slice(0, start)).toEqual(prompts[i]);
      expect(rows[0]?.tokens.slice(start, start + length)).toEqual(actions[i]);
    }
    expect(rows[0]?.steps).toHaveLength(3);
  });

  test('reasoning: in rows of their own, without the reasoning of those before', async () => {
    const { rows, prompts, actions, thinks } = await packed('reasoning');
    expect(rows.map(({ tokens }) => tokens)).toEqual(
      prompts.map((prompt, i) => [...prompt, ...(actions[i] ?? [])]),
    );
    expect(rows.map(({ steps }) => steps.length)).toEqual([1, 1, 1]);
    for (const { tokens } of rows) expect(tokens.filter((id) => id === thinks)).toHaveLength(1);
  });
});
