import { expect, test } from '@jest/globals';
import { subTrajectories } from '../../src/decompose/decompose.ts';
import { branchOutcomes, type Recorded } from '../../src/evaluate/branch-outcomes.ts';
import type { Judged, Trajectory, VerdictLabel } from '../../src/topics/records.generated.ts';
import { judged, trajectory } from '../records.ts';

async function* all<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}

/** Trajectories with the verdicts of their own steps, and whether they are right. */
type Said = readonly [id: string, calls: number, labels: readonly VerdictLabel[], right: boolean];

function recorded(said: readonly Said[]): Recorded {
  const trajectories: Trajectory[] = said.map(([id, calls]) => trajectory(id, calls));
  const verdicts: Judged[] = said.flatMap(([id, calls, labels]) =>
    subTrajectories(trajectory(id, calls)).flatMap((step, i) => (labels[i] ? [judged(step, labels[i])] : [])),
  );
  const right = new Map(said.map(([id, , , is]) => [id, is]));
  return {
    trajectories: all(trajectories),
    judged: all(verdicts),
    matches: async (asked) => new Map(asked.map(({ id }) => [id, right.get(id) ?? false])),
  };
}

test('each context has what was recorded and what its branches did; shares are over contexts', async () => {
  const old = recorded([
    ['q1/0', 2, ['GOOD', 'BAD', 'BAD'], false],
    ['q2/0', 1, ['BAD', 'GOOD'], true],
    ['q3/0', 1, ['GOOD', 'GOOD'], true],
  ]);
  const contexts = [subTrajectories(trajectory('q1/0', 2))[1], subTrajectories(trajectory('q2/0', 1))[0]];
  const fresh = recorded([
    // Labels are those of the steps from the context on.
    ['q1/0~1.0', 2, ['GOOD', 'GOOD'], true],
    ['q1/0~1.1', 1, ['BAD'], false],
    ['q2/0~0.0', 1, ['GOOD', 'BAD'], false],
    ['q2/0~0.1', 1, ['GOOD'], true],
  ]);
  const found = await branchOutcomes(all(contexts.flatMap((step) => step ?? [])), {
    recorded: old,
    branched: fresh,
  });
  const way = (name: string, right: boolean, verdict: VerdictLabel, good: boolean | null) => ({
    ...{ trajectory: name, right, verdict, good },
  });
  expect(found.contexts).toEqual([
    {
      step: 'q1/0/1',
      recorded: way('q1/0', false, 'BAD', false),
      branches: [way('q1/0~1.0', true, 'GOOD', true), way('q1/0~1.1', false, 'BAD', false)],
    },
    {
      step: 'q2/0/0',
      recorded: way('q2/0', true, 'BAD', false),
      // One of its steps was not judged.
      branches: [way('q2/0~0.0', false, 'GOOD', false), way('q2/0~0.1', true, 'GOOD', null)],
    },
  ]);
  const means = (one: typeof found.right) => [one?.recorded.mean, one?.branches.mean, one?.difference.mean];
  expect(means(found.right)).toEqual([0.5, 0.5, 0]);
  expect(means(found.verdict)).toEqual([0, 0.75, 0.75]);
  expect(means(found.good)).toEqual([0, 0.25, 0.25]);
});
