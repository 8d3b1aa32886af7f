/** Questions told apart by a property of theirs. */
import type { Question } from '../topics/records.generated.ts';
import type { QuestionOutcome } from './outcomes.ts';

/** What is measured of each group, by name; questions without the property are in none. */
export function groupsOf<T>(
  outcomes: readonly QuestionOutcome[],
  nameOf: (question: Question) => string | undefined,
  measure: (group: readonly QuestionOutcome[]) => T,
): ReadonlyMap<string, T> {
  const groups = new Map<string, QuestionOutcome[]>();
  for (const outcome of outcomes) {
    const name = nameOf(outcome.question);
    if (name === undefined) continue;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [outcome]);
    else group.push(outcome);
  }
  return new Map(
    [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, group]) => [name, measure(group)]),
  );
}
