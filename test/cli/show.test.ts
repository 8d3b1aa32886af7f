/** A trajectory for people: all of it is there, in order, and nothing of it moves the cursor or is too wide. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { failureLines, trajectoryText } from '../../src/cli/show-text.ts';
import { shownOf } from '../../src/cli/shown-trajectories.ts';
import { recordLine } from '../../src/cli/tap-line.ts';
import { openChain, type RunChain } from '../../src/lineage/run-chain.ts';
import { answer, call, question, step, trajectory } from '../records.ts';
import { failure, judgedSteps, scoredSteps } from '../watch/made-records.ts';
import { appendTo, madeTopology, update } from '../watch/made-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'swirl-show-'));
const topology = madeTopology(folder, 'made');
const HOSTILE = '\u001b[2J\u001b]0;title\u0007 \u202eright to left\u202c \u0000 back\b\b';
const asked = question({ id: 'q1', text: 'How much are two and three apples?', answer: '5' });
const thinking = 'I add the apples of both.';
const whole = trajectory('q1/0', 1, {
  question: asked,
  steps: [
    step(call('2 + 3', { reasoning: thinking, policy: 'local:abc', logprobs: null }), `5 ${HOSTILE}`),
    step(answer('5'), null),
  ],
  answer: '5',
});
const wide = trajectory('q1/1', 0, {
  question: asked,
  steps: [step(answer(`${'x'.repeat(3000)} ${HOSTILE}\n\tnext`), null)],
  answer: 'x'.repeat(3000),
});
const begun = { id: 'q1/2/1', trajectory: 'q1/2', question: asked, steps: [whole.steps[0] as never] };
let chain: RunChain;

beforeAll(async () => {
  await appendTo(topology, {
    questions: [asked],
    turns: [begun],
    trajectories: [whole, wide],
    judged: [...judgedSteps(whole, ['GOOD', 'GOOD']), ...judgedSteps(wide, ['BAD'])],
    accepted: judgedSteps(whole, ['GOOD', 'GOOD']).map((one) => ({ ...one, correct: true, by: null })),
    scored: scoredSteps(whole, [0.25, 0.75]),
    updates: [update(1, { toOffset: 2 }), update(2, { epoch: 1, toOffset: 2 })],
    failures: [failure('q1/2/1', `no answer ${HOSTILE}`, { id: 'rollout:turns:0:0', offset: 0 })],
  });
  chain = await openChain(topology, { notify: () => {} });
});
afterAll(async () => {
  await chain?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Each text stands after the one before it. */
function expectInOrder(text: string, parts: readonly string[]): void {
  let at = 0;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    expect({ part, found: found >= at }).toEqual({ part, found: true });
    at = found + part.length;
  }
}

test('a trajectory is whole, in the order in which it came about', async () => {
  const { views } = await shownOf(chain, 'q1/0', {});
  expect(views.length).toBe(1);
  const text = trajectoryText(views[0] as never, 80);
  expectInOrder(text, [
    ...['q1/0', 'math', 'answered', '2 steps', 'right', 'accepted', 'two and three apples'],
    ...[
      'Step 0',
      'calls calculator',
      'GOOD',
      'reward 0.25',
      thinking,
      '<math_exp>2 + 3',
      'calculator, ok: 5',
    ],
    ...['judge test: why GOOD 0', 'by local:abc', 'updates 1 (epoch 1), 2 (epoch 2)'],
    ...['Step 1', 'answers', 'GOOD', 'reward 0.75', 'why GOOD 1', 'Answer', '5', 'gold: 5'],
  ]);
});

// biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal is told begins with one.
const COLORS = /\u001b\[\d{1,2}m/g;

test.each([60, 80, 200])(
  'on %d columns no line is wider, and no character moves the cursor',
  async (columns) => {
    const { views, failures } = await shownOf(chain, 'q1', {});
    expect(views.map(({ id }) => id)).toEqual(['q1/0', 'q1/1', 'q1/2']);
    const lines = [
      ...views.flatMap((view) => trajectoryText(view, columns).split('\n')),
      ...failureLines(failures, columns),
    ];
    for (const colored of lines) {
      // Colors are Swirl's own, where there are any.
      const line = colored.replaceAll(COLORS, '');
      expect(line).not.toMatch(/\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u);
      expect(line.length).toBeLessThanOrEqual(columns);
    }
    // Nothing is lost of a word that has no room.
    expect(lines.join('').replaceAll(/[^x]/g, '').length).toBeGreaterThanOrEqual(6000);
    expect(lines.join(' ')).toContain('q1/2/1 failed in rollout: ModelError: no answer');
  },
);

test('of one that goes on what there is, and of a step that step', async () => {
  const { views: open } = await shownOf(chain, 'q1/2', {});
  expectInOrder(trajectoryText(open[0] as never, 80), [
    'q1/2',
    'goes on',
    '1 step',
    'two and three apples',
    'Step 0',
  ]);
  const { views } = await shownOf(chain, 'q1/0/1', {});
  expect(views.map(({ steps }) => steps.map(({ index }) => index))).toEqual([[1]]);
  await expect(shownOf(chain, 'q9', {})).rejects.toThrow('found "q9"');
  await expect(shownOf(chain, 'update/1', {})).rejects.toThrow('swirl trace');
});

test('a record on one line tells question, step and reward; of an update its measures', () => {
  const [scored] = scoredSteps(whole, [0.25]);
  expectInOrder(recordLine(scored, 200), ['q1/0/0', 'reward 0.25', asked.text, '<math_exp>2 + 3']);
  expectInOrder(recordLine(begun, 200), ['q1/2/1', asked.text, '<math_exp>2 + 3']);
  const line = recordLine(update(12, { meanReward: 0.5, loss: 0.125, meanLogprob: -0.3 }), 79);
  expectInOrder(line, ['update/12', 'epoch 0', 'reward 0.5', 'loss 0.125', 'logprob -0.3/token', 'weights']);
});

test('a screen of one column is no reason to fail', async () => {
  const { views } = await shownOf(chain, 'q1/0', {});
  expect(
    trajectoryText(views[0] as never, 1)
      .replaceAll(COLORS, '')
      .replace(/\s/g, ''),
  ).toContain('Iaddtheapplesofboth.');
});
