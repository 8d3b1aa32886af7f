/** What came of trajectories that began again at recorded contexts, beside what was recorded there. */
import { begunAt } from '../topics/record-names.ts';
import type { Judged, SubTrajectory, Trajectory, VerdictLabel } from '../topics/records.generated.ts';
import { boundedMean, type Estimate, pairedDifference } from './interval.ts';

/** What a run has of its trajectories. */
export interface Recorded {
  readonly trajectories: AsyncIterable<Trajectory>;
  readonly judged: AsyncIterable<Judged>;
  /** Whether each trajectory's answer is right; of those that have gold answers. */
  readonly matches: (trajectories: readonly Trajectory[]) => Promise<ReadonlyMap<string, boolean>>;
}

/** One way on from a context. */
export interface Way {
  readonly trajectory: string;
  /** Null where there is no gold answer, or the trajectory did not come to its end. */
  readonly right: boolean | null;
  /** Of the step at the context; null where it was not judged. */
  readonly verdict: VerdictLabel | null;
  /** Whether every step from there on is GOOD; null where one was not judged. */
  readonly good: boolean | null;
}

interface ContextOutcome {
  /** The recorded step. */
  readonly step: string;
  readonly recorded: Way;
  readonly branches: readonly Way[];
}

/** A share over contexts: as it was, as it became, and the difference. */
export interface Compared {
  readonly recorded: Estimate;
  readonly branches: Estimate;
  readonly difference: Estimate;
}

export interface BranchOutcomes {
  readonly contexts: readonly ContextOutcome[];
  /** Of the contexts where both are known; null where there are none. */
  readonly right: Compared | null;
  readonly verdict: Compared | null;
  readonly good: Compared | null;
}

/** `steps`: those at whose contexts it began again. */
export async function branchOutcomes(
  steps: AsyncIterable<SubTrajectory>,
  { recorded, branched }: { readonly recorded: Recorded; readonly branched: Recorded },
): Promise<BranchOutcomes> {
  const places = new Map<string, SubTrajectory>();
  for await (const step of steps) places.set(step.id, step);
  const names = new Set([...places.values()].map(({ trajectory }) => trajectory));
  const before = await waysOf(recorded, (name) => names.has(name));
  const after = await waysOf(branched, (name) => begunAt(name) !== null);
  const branches = new Map<string, Way[]>();
  for (const name of after.names) {
    const { trajectory, index } = begunAt(name) ?? { trajectory: '', index: 0 };
    const step = `${trajectory}/${index}`;
    branches.set(step, [...(branches.get(step) ?? []), after.way(name, index)]);
  }
  const contexts = [...places].map(([step, { trajectory, index }]) => ({
    step,
    recorded: before.way(trajectory, index),
    branches: branches.get(step) ?? [],
  }));
  return {
    contexts,
    right: compared(contexts, ({ right }) => right),
    verdict: compared(contexts, ({ verdict }) => verdict && verdict === 'GOOD'),
    good: compared(contexts, ({ good }) => good),
  };
}

async function waysOf(run: Recorded, isWanted: (trajectory: string) => boolean) {
  const trajectories: Trajectory[] = [];
  for await (const one of run.trajectories) if (isWanted(one.id)) trajectories.push(one);
  const labels = new Map<string, Map<number, VerdictLabel>>();
  for await (const { subTrajectory, verdict } of run.judged) {
    const { trajectory, index } = subTrajectory;
    if (!isWanted(trajectory)) continue;
    labels.set(trajectory, (labels.get(trajectory) ?? new Map()).set(index, verdict.label));
  }
  const right = await run.matches(trajectories);
  const lengths = new Map(trajectories.map(({ id, steps }) => [id, steps.length]));
  const way = (trajectory: string, from: number): Way => {
    const of = labels.get(trajectory);
    const length = lengths.get(trajectory) ?? 0;
    const own = Array.from({ length: Math.max(0, length - from) }, (_, i) => of?.get(from + i));
    return {
      trajectory,
      right: right.get(trajectory) ?? null,
      verdict: of?.get(from) ?? null,
      good: own.length === 0 || own.includes(undefined) ? null : own.every((label) => label === 'GOOD'),
    };
  };
  return { names: lengths.keys(), way };
}

/** Each context counts once: its share of branches beside what was recorded there. */
function compared(contexts: readonly ContextOutcome[], of: (way: Way) => boolean | null): Compared | null {
  let observations = 0;
  const pairs = contexts.flatMap(({ recorded, branches }): [number, number][] => {
    const was = of(recorded);
    const known = branches.flatMap((branch) => of(branch) ?? []);
    if (was === null || known.length === 0) return [];
    observations += known.length;
    return [[known.filter((one) => one).length / known.length, Number(was)]];
  });
  if (pairs.length === 0) return null;
  return {
    recorded: boundedMean(pairs.map(([, was]) => was)),
    branches: boundedMean(
      pairs.map(([is]) => is),
      observations,
    ),
    difference: pairedDifference(pairs, observations),
  };
}
