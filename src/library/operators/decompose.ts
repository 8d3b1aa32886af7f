/** The stage `decompose` over plain Observables. */
import type { OperatorFunction } from 'rxjs';
import type { SubTrajectory, Trajectory } from '../../topics/records.generated.ts';
import { oneStage, type RecordOptions, wiringOf } from './one-stage.ts';

/**
 * A trajectory of k actions becomes its k sub-trajectories, adjacent and in order: each action with the steps
 * before it.
 *
 * @example
 * trajectories.pipe(decompose()).subscribe(({ id, index, count }) => console.log(id, index, count));
 */
export function decompose(options: RecordOptions = {}): OperatorFunction<Trajectory, SubTrajectory> {
  return oneStage('decompose', { stages: { decompose: wiringOf(options) } }, options);
}
