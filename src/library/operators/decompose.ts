/** The stage `decompose` over plain Observables. */
import type { OperatorFunction } from 'rxjs';
import { decompose as decomposeStage } from '../../decompose/decompose.ts';
import { sleep } from '../../runtime/clock.ts';
import type { SubTrajectory, Trajectory } from '../../topics/records.generated.ts';
import { type OperatorOptions, plain } from './plain.ts';
import { settleOptions } from './settle-options.ts';

/**
 * Every trajectory of k actions becomes its k sub-trajectories, adjacent and in order: each action with the steps before it.
 *
 * @example
 * trajectories.pipe(decompose()).subscribe(({ id, index, count }) => console.log(id, index, count));
 */
export function decompose(options: OperatorOptions = {}): OperatorFunction<Trajectory, SubTrajectory> {
  const { retry, window } = stage('decompose', settleOptions('decompose', { stages: { decompose: {} } }));
  return plain<Trajectory, 'sub-trajectories'>(
    {
      name: 'decompose',
      reads: 'trajectories',
      writes: 'sub-trajectories',
      window,
      open: () => ({ operator: decomposeStage({ retry, sleep }) }),
    },
    options,
  );
}
