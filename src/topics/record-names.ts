/**
 * Names say where records come from (promise 2): `q17` is a question, `q17/2` its third rollout, `q17/2/1`
 * that rollout's second step. Behind a `~` stands what was begun anew from there: `q17/2/1~0` is the first of
 * the fresh actions that `resample` drew at the context of `q17/2/1`.
 */

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
