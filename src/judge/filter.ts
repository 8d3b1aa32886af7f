/**
 * The stage `filter`: gathers the k verdicts of a trajectory and lets it pass as a whole or not at all. It
 * holds deliveries until their trajectory is complete, so it commits no further than its oldest incomplete
 * one (promise 4).
 */
import { Observable } from 'rxjs';
import { z } from 'zod';
import { goldAnswers } from '../agent/gold-answers.ts';
import { DataError } from '../errors.ts';
import { failureOf } from '../runtime/failure.ts';
import type { Delivery, Emission, Finished, StageOperator } from '../runtime/stage.ts';
import type { Judged, Question } from '../topics/records.generated.ts';

export const filterConfig = z.strictObject({
  mode: z
    .enum(['none', 'process', 'outcome', 'process+outcome'])
    .default('process')
    .describe(
      'What a trajectory must have to be trained on. process: every step GOOD (the best in the paper); outcome: the answer matches a gold answer; both; or none: everything passes.',
    ),
  unknown: z
    .enum(['reject', 'accept'])
    .default('reject')
    .describe(
      'Whether the process filter takes a step whose verdict is UNKNOWN for GOOD or leaves the trajectory out.',
    ),
});

export type FilterConfig = z.output<typeof filterConfig>;

export interface FilterDeps {
  /** Whether an answer says what one of the gold answers says. */
  readonly matches: (answer: string, golds: readonly string[], question: Question) => boolean;
  /**
   * Most deliveries held: the stage's window. When it is full, the oldest incomplete trajectory is a failure.
   */
  readonly window: number;
}

/** The steps of one trajectory that have arrived, by index. */
type Group = Map<number, Delivery<Judged>>;

export function filter(config: FilterConfig, deps: FilterDeps): StageOperator<Judged> {
  return (source) =>
    new Observable<Finished>((subscriber) => {
      const open = new Map<string, Group>();
      let held = 0;

      const finish = (
        deliveries: readonly Delivery<Judged>[],
        outputs: (at: number) => readonly Emission[],
      ) => {
        deliveries.forEach(({ offset }, at) => {
          subscriber.next({ offset, outputs: outputs(at) });
        });
        held -= deliveries.length;
      };
      const fail = (deliveries: readonly Delivery<Judged>[], problem: string) =>
        finish(deliveries, (at) => {
          const delivery = deliveries[at];
          return [failureOf('filter', delivery, new DataError(problem), { record: delivery.value.id })];
        });
      const giveUp = (trajectory: string, group: Group, why: string) => {
        open.delete(trajectory);
        const [first] = group.values();
        const count = first?.value.subTrajectory.count;
        fail(
          byOffset(group),
          `trajectory ${trajectory}: ${group.size} of its ${count} steps were judged, then ${why}`,
        );
      };

      const take = (delivery: Delivery<Judged>) => {
        const { trajectory, index, count } = delivery.value.subTrajectory;
        const group: Group = open.get(trajectory) ?? new Map();
        held++;
        const expected = group.values().next().value?.value.subTrajectory.count ?? count;
        if (group.has(index) || count !== expected || index < 0 || index >= count) {
          fail(
            [delivery],
            `step ${index} of ${count} does not fit the ${group.size} of ${expected} steps that wait`,
          );
          return;
        }
        open.set(trajectory, group.set(index, delivery));
        if (group.size === count) {
          open.delete(trajectory);
          decide(group);
        } else if (held >= deps.window) {
          const [oldest] = open;
          if (oldest) giveUp(...oldest, `the filter's window of ${deps.window} records was full`);
        }
      };

      /** The outputs go with the delivery that came last, so that they are committed once all of them are. */
      const decide = (group: Group) => {
        const deliveries = byOffset(group);
        const steps = [...group].sort(([a], [b]) => a - b).map(([, { value }]) => value);
        const verdict = passes(steps, config, deps.matches);
        if (verdict instanceof DataError) {
          fail(deliveries, verdict.message);
          return;
        }
        const accepted = verdict.passed ? steps.map((step) => emission(step, verdict.correct)) : [];
        finish(deliveries, (at) => (at === deliveries.length - 1 ? accepted : []));
      };

      return source.subscribe({
        next: take,
        error: (error) => subscriber.error(error),
        complete: () => {
          for (const [trajectory, group] of open) giveUp(trajectory, group, 'the topic was drained');
          subscriber.complete();
        },
      });
    });
}

/** Whether a complete trajectory passes; a `DataError` where that cannot be said. */
function passes(
  steps: readonly Judged[],
  { mode, unknown }: FilterConfig,
  matches: FilterDeps['matches'],
): { readonly passed: boolean; readonly correct: boolean | null } | DataError {
  const good = steps.every(
    ({ verdict }) => verdict.label === 'GOOD' || (verdict.label === 'UNKNOWN' && unknown === 'accept'),
  );
  if (mode === 'none' || mode === 'process') return { passed: mode === 'none' || good, correct: null };
  const { question, action, trajectory } = (steps.at(-1) as Judged).subTrajectory;
  const golds = goldAnswers(question);
  if (golds.length === 0) {
    return new DataError(
      `trajectory ${trajectory}: the ${mode} filter needs a gold answer, and question ${question.id} has none`,
    );
  }
  const correct = action.kind === 'ANSWER' && matches(action.content ?? '', golds, question);
  return { passed: correct && (mode === 'outcome' || good), correct };
}

function emission({ id, subTrajectory, verdict }: Judged, correct: boolean | null): Emission {
  return { topic: 'accepted', key: subTrajectory.trajectory, value: { id, subTrajectory, verdict, correct } };
}

function byOffset(group: Group): Delivery<Judged>[] {
  return [...group.values()].sort((a, b) => a.offset - b.offset);
}
