/** Which steps share a context: the actions of one group. */
import { sampledAt } from '../topics/record-names.ts';
import type { SubTrajectory } from '../topics/records.generated.ts';

/** A context's name: that of the step that was recorded there. */
export function contextOf({ trajectory, index }: Pick<SubTrajectory, 'trajectory' | 'index'>): string {
  return `${trajectory}/${index}`;
}

/** Whether the action was drawn again at a recorded context, and is not the recorded one. */
export function isFresh(step: Pick<SubTrajectory, 'id' | 'trajectory' | 'index'>): boolean {
  return sampledAt(step.id) === contextOf(step);
}
