/**
 * Names say where records come from (promise 2): `q17` is a question, `q17/2` its third rollout, `q17/2/3`
 * that rollout's fourth step. After a `~` stands what was begun anew from there:
 *
 * - `q17/2/3~0`: the first of the fresh actions that `resample` drew at the context of `q17/2/3`;
 * - `q17/2~3.0`: the first trajectory that `branch` began again before `q17/2/3`. Its steps are `q17/2~3.0/3`
 *   and so on: those before are of `q17/2`. One that begins again before its step 4 is `q17/2~3.0~4.0`.
 */

/** The first part of a name or key: of what came of a question, the question's. */
export function rootOf(name: string): string {
  const end = name.indexOf('/');
  return end < 0 ? name : name.slice(0, end);
}

/** The name of a fresh action at the context of a step. */
export function sampleName(step: string, sample: number): string {
  return `${step}~${sample}`;
}

/** The step at whose context a fresh action was drawn; null where the name is not that of one. */
export function sampledAt(name: string): string | null {
  return /^(.+\/\d+)~\d+$/s.exec(name)?.[1] ?? null;
}

/** Whether a record is of this name, or was drawn again at the context of the step of this name. */
export function isOf(name: string, id: string): boolean {
  return id === name || sampledAt(id) === name;
}

/** A step of a trajectory. */
export interface StepPlace {
  readonly trajectory: string;
  readonly index: number;
}

/** The name of a trajectory that begins again before a step. */
export function branchName({ trajectory, index }: StepPlace, branch: number): string {
  return `${trajectory}~${index}.${branch}`;
}

/** The step before which a trajectory began again; null for one that began with its question. */
export function begunAt(trajectory: string): StepPlace | null {
  const [, before, index] = /^(.+\/.+)~(\d+)\.\d+$/s.exec(trajectory) ?? [];
  return before === undefined ? null : { trajectory: before, index: Number(index) };
}

/** The index of the first step that is a trajectory's own: those before were taken over. */
export function firstStep(trajectory: string): number {
  return begunAt(trajectory)?.index ?? 0;
}

/** The trajectories from which one began again, the nearest first, each with the step before which it did. */
export function originsOf(trajectory: string): StepPlace[] {
  const nearest = begunAt(trajectory);
  return nearest === null ? [] : [nearest, ...originsOf(nearest.trajectory)];
}

/** Every name that a key stands for: question, trajectory, and what the trajectory began again from. */
export function namesOfKey(key: string): string[] {
  const [question = ''] = key.split('/');
  const origins = originsOf(key).flatMap(({ trajectory, index }) => [trajectory, `${trajectory}/${index}`]);
  return [question, key, ...origins];
}
