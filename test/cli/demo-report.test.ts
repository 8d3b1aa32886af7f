import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compare, type DemoResult, type Outcome, report, summary } from '../../src/cli/demo-report.ts';
import { showTrajectories } from '../../src/cli/demo-trajectories.ts';
import type { Judged, Scored, Trajectory, Verdict } from '../../src/topics/records.generated.ts';
import { answer, question } from '../records.ts';

function outcomes(task: string, right: readonly boolean[]): Outcome[] {
  return right.map((value, i) => ({
    question: `${task}-${i}`,
    task,
    right: value,
    goodSteps: value ? 1 : 0.5,
  }));
}

const worse = [true, false, false, false];
const better = [true, true, true, false];
const before = [...outcomes('search', worse), ...outcomes('math', worse)];
const after = [...outcomes('search', better), ...outcomes('math', better)];
const result: DemoResult = {
  counts: {
    ...{ questions: 8, trajectories: 40, subTrajectories: 90, verdicts: 90, accepted: 50, scored: 50 },
    ...{ updates: 3, failures: 0, meanReward: 1 },
  },
  before: { sampled: before, greedy: after },
  after: { sampled: after, greedy: after },
  ...{ hashBefore: 'a'.repeat(64), hashAfter: 'b'.repeat(64), seconds: 12.345, device: 'a device' },
};

describe('the closing report', () => {
  test('has the object that programs read', () => {
    expect(summary(result)).toMatchObject({
      ...{ questions: 8, trajectories: 40, subTrajectories: 90, verdicts: 90, updates: 3, failures: 0 },
      ...{ hashBefore: 'a'.repeat(64), hashAfter: 'b'.repeat(64), seconds: 12.3, device: 'a device' },
      accuracy: { search: { before: 0.25, after: 0.75 }, math: { before: 0.25, after: 0.75 } },
      goodSteps: { search: { before: 0.625, after: 0.875 }, math: { before: 0.625, after: 0.875 } },
      greedy: { accuracy: { search: { before: 0.75, after: 0.75 } } },
    });
    expect(JSON.parse(JSON.stringify(summary(result)))).toEqual(summary(result));
  });

  test('has a row for each measure, way of decoding and task, on 80 columns', () => {
    const lines = report(result).split('\n');
    for (const decoding of ['sampled', 'greedy']) {
      const head = lines.findIndex((line) => line.startsWith(decoding));
      expect(lines.slice(head + 2, head + 6).map((line) => line.split('  ')[0])).toEqual([
        ...['right answers, search', 'right answers, math'],
        ...['good steps, search', 'good steps, math'],
      ]);
    }
    expect(lines).toContain('Weights aaaaaaaaaaaa became bbbbbbbbbbbb.');
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    // One right of four before, three after: Wilson's intervals, computed by hand.
    expect(lines.find((line) => line.startsWith('right answers, search'))).toMatch(
      /0\.25 \[\.05, \.70\] +0\.75 \[\.30, \.95\] +\+0\.50 \[/,
    );
  });

  test('takes the gain over the questions that both evaluations have', () => {
    const answers = fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 2, maxLength: 40 });
    fc.assert(
      fc.property(answers, (pairs) => {
        const one = outcomes(
          'math',
          pairs.map(([first]) => first),
        );
        const two = outcomes(
          'math',
          pairs.map(([, second]) => second),
        );
        const lost = two.slice(1);
        const how = { decoding: 'sampled', measure: 'accuracy', task: 'math' } as const;
        const { gain } = compare(
          { before: { sampled: one, greedy: [] }, after: { sampled: lost, greedy: [] } },
          how,
        );
        const sum = pairs
          .slice(1)
          .reduce((total, [first, second]) => total + Number(second) - Number(first), 0);
        expect(gain.count).toBe(pairs.length - 1);
        expect(gain.mean).toBeCloseTo(sum / (pairs.length - 1), 12);
      }),
    );
  });
});

test('shown trajectories cannot move the cursor or recolor the screen', async () => {
  const hostile = '\u001b[2J\u001b]0;title\u0007<answer> 4\r\n2</answer>\u202e';
  const action = answer(hostile, { text: hostile });
  const asked = question({ id: 'q', text: hostile, answer: null });
  const subTrajectory = {
    id: 'q/0/0',
    trajectory: 'q/0',
    index: 0,
    count: 1,
    question: asked,
    context: [],
    action,
  };
  const verdict: Verdict = { label: 'BAD', rationale: hostile, judge: 'lab', votes: [] };
  const trajectory: Trajectory = {
    id: 'q/0',
    question: asked,
    steps: [{ action, observation: null }],
    end: 'ANSWERED',
    answer: hostile,
  };
  const judged: Judged = { id: 'q/0/0', subTrajectory, verdict };
  const topics: { trajectories: Trajectory[]; judged: Judged[]; scored: Scored[] } = {
    trajectories: [trajectory],
    judged: [judged],
    scored: [],
  };
  const read = async function* (topic: keyof typeof topics) {
    yield* topics[topic];
  };
  const text = await showTrajectories({ read } as unknown as Parameters<typeof showTrajectories>[0]);
  expect(text).toContain('BAD');
  expect(text).toContain('filtered out');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
  expect(text.replace(/\u001b\[\d+m/g, '')).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  expect(text).not.toContain('\u001b[2J');
});
