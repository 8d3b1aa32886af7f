/** Verdicts, rewards and failures of trajectories, for tests. */
import type {
  Failure,
  Judged,
  Scored,
  SubTrajectory,
  Trajectory,
  VerdictLabel,
} from '../../src/topics/records.generated.ts';

function stepsOf({ id, question, steps }: Trajectory): SubTrajectory[] {
  return steps.map(({ action }, index) => ({
    ...{ id: `${id}/${index}`, trajectory: id, index, count: steps.length, question, action },
    context: steps.slice(0, index),
  }));
}

/** With rationales such as `why GOOD 1`. */
export function judgedSteps(trajectory: Trajectory, labels: readonly VerdictLabel[]): Judged[] {
  return stepsOf(trajectory).map((subTrajectory, i) => {
    const label = labels[i] ?? 'UNKNOWN';
    const verdict = { label, rationale: `why ${label} ${i}`, judge: 'test', votes: [], by: null };
    return { id: subTrajectory.id, subTrajectory, verdict };
  });
}

export function scoredSteps(trajectory: Trajectory, rewards: readonly number[]): Scored[] {
  return stepsOf(trajectory).map((subTrajectory, i) => ({
    ...{ id: subTrajectory.id, subTrajectory, verdict: null },
    reward: { value: rewards[i] ?? 0, rationale: '', model: 'test', votes: [], by: null },
  }));
}

export function failure(record: string, message: string, over: Partial<Failure> = {}): Failure {
  return {
    ...{ id: `rollout:turns:0:${record}`, stage: 'rollout', topic: 'turns', partition: 0, offset: 3, record },
    ...{ error: 'ModelError', message, retryable: true, attempts: 3, bytes: null },
    ...over,
  };
}
