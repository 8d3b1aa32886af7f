/**
 * A stage of one's own that reads along: it mirrors steps that the judge found BAD into a topic for people to look at,
 * with a schema of its own (flagged.avsc). A plain function is a stage over single records. See topology-stages.yaml.
 */
import { filter, map, type Observable } from 'rxjs';
import type { Judged } from 'swirl-rl';

export default (judged$: Observable<Judged>) =>
  judged$.pipe(
    filter(({ verdict }) => verdict.label === 'BAD'),
    map(({ id, subTrajectory, verdict }) => ({
      id,
      trajectory: subTrajectory.trajectory,
      question: subTrajectory.question.text,
      step: subTrajectory.index + 1,
      of: subTrajectory.count,
      wrote: subTrajectory.action.text,
      because: verdict.rationale,
    })),
  );
