/** The stage `judge` over plain Observables. */
import type { OperatorFunction } from 'rxjs';
import type { Judge } from '../../agent/model.ts';
import type { GivenPart } from '../../modules/given-part.ts';
import { judgeOf } from '../../modules/module-judge.ts';
import type { Judged, SubTrajectory } from '../../topics/records.generated.ts';
import type { TopologySettings } from '../topology.ts';
import { type JudgeOptions, reviewer } from './reviewer.ts';

/**
 * A judge's settings as under `judge:` in a topology, or a judge of one's own: made, a function, what
 * `defineJudge` gives, or either of these with settings.
 */
export type JudgeChoice = NonNullable<TopologySettings['judge']> | Judge | GivenPart<'judge'>;

/**
 * Every sub-trajectory gets a verdict: GOOD, BAD, or UNKNOWN where the judge could not be reached or
 * understood, which is a failure too.
 *
 * @example
 * steps.pipe(judge({ kind: 'rules' }, { tools: { calculator: { kind: 'calculator' } } }));
 */
export function judge(
  judge: JudgeChoice,
  options: JudgeOptions = {},
): OperatorFunction<SubTrajectory, Judged> {
  return reviewer('judge', judge, options, judgeOf);
}
