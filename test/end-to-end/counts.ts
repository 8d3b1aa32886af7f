/** The counts of a run, and whether they add up: every record comes from one before it, and none is lost. */
import type { Failure, Trajectory } from '../../src/topics/records.generated.ts';
import { recordsOf } from './run-records.ts';

export interface Counts {
  readonly questions: number;
  readonly trajectories: number;
  readonly subTrajectories: number;
  readonly judged: number;
  readonly accepted: number;
  readonly scored: number;
  readonly updates: number;
  /** Failures, by stage. */
  readonly failures: Readonly<Record<string, number>>;
  /** What does not add up, in words; empty where all is well. */
  readonly problems: readonly string[];
}

/**
 * Reads a drained run whose filter is `none` or leaves whole trajectories out. `rollouts`: null where
 * trajectories were fed.
 */
export async function countsOf(
  folder: string,
  run: string,
  { rollouts }: { readonly rollouts: number | null },
): Promise<Counts> {
  const of = <K extends Parameters<typeof recordsOf>[2]>(topic: K) => recordsOf(folder, run, topic);
  const questions = await of('questions');
  const trajectories = await of('trajectories');
  const subTrajectories = await of('sub-trajectories');
  const [judged, accepted, scored] = [await of('judged'), await of('accepted'), await of('scored')];
  const [updates, failures] = [await of('updates'), await of('failures')];
  const problems: string[] = [];
  const same = (what: string, found: readonly string[], expected: readonly string[]) => {
    const [left, right] = [[...found].sort(), [...expected].sort()];
    if (JSON.stringify(left) !== JSON.stringify(right))
      problems.push(
        `${what}: expected ${right.length} ids, found ${left.length}: ${difference(left, right)}`,
      );
  };
  const failed = (stage: string) => failures.filter((failure) => failure.stage === stage).map(idOf);

  if (rollouts !== null) {
    const expected = questions.flatMap(({ id }) => Array.from({ length: rollouts }, (_, i) => `${id}/${i}`));
    const lost = [...failed('rollout'), ...failed('tools')].map(trajectoryOf);
    same('trajectories and failed rollouts', [...trajectories.map(({ id }) => id), ...lost], expected);
  }
  same('sub-trajectories', ids(subTrajectories), trajectories.flatMap(stepsOf));
  // A judge that failed gave UNKNOWN: there is a verdict and a failure.
  same('judged', ids(judged), ids(subTrajectories));
  const taken = new Set(accepted.map(({ subTrajectory }) => subTrajectory.trajectory));
  same(
    'accepted, whole trajectories only',
    ids(accepted),
    trajectories.filter(({ id }) => taken.has(id)).flatMap(stepsOf),
  );
  same('scored and failures of reward', [...ids(scored), ...failed('reward')], ids(accepted));
  // Each update names the range of `scored` that it used: together they are the whole topic.
  let next = 0;
  for (const { id, fromOffset, toOffset } of updates) {
    if (fromOffset !== next) problems.push(`${id} begins at ${fromOffset}, not at ${next}`);
    next = toOffset;
  }
  if (next !== scored.length) problems.push(`the updates end at ${next} of ${scored.length} scored records`);
  const trained = updates.reduce((sum, { subTrajectories: count }) => sum + count, 0);
  const refused = failed('train').length;
  if (trained + refused !== scored.length)
    problems.push(`${trained} trained and ${refused} refused are not ${scored.length} scored`);

  const byStage: Record<string, number> = {};
  for (const { stage } of failures) byStage[stage] = (byStage[stage] ?? 0) + 1;
  const length = { questions: questions.length, trajectories: trajectories.length, judged: judged.length };
  const later = { accepted: accepted.length, scored: scored.length, updates: updates.length };
  return { ...length, subTrajectories: subTrajectories.length, ...later, failures: byStage, problems };
}

function ids(records: readonly { readonly id: string }[]): string[] {
  return records.map(({ id }) => id);
}

/** `q17/2` of the step `q17/2/0`. */
function trajectoryOf(step: string): string {
  return step.slice(0, step.lastIndexOf('/'));
}

function idOf({ record, id }: Failure): string {
  return record ?? id;
}

/** k actions: k ids. */
function stepsOf({ id, steps }: Trajectory): string[] {
  return steps.map((_, i) => `${id}/${i}`);
}

function difference(found: readonly string[], expected: readonly string[]): string {
  const [there, wanted] = [new Set(found), new Set(expected)];
  const missing = expected.filter((id) => !there.has(id)).slice(0, 3);
  const extra = found.filter((id) => !wanted.has(id)).slice(0, 3);
  return `missing ${missing.join(' ') || 'none'}, too many ${extra.join(' ') || 'none, or twice'}`;
}
