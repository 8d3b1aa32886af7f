/**
 * The stage `filter`: gathers the k verdicts of a trajectory and lets it pass as a whole or not at all. It
 * holds deliveries until their trajectory is complete, so it commits no further than its oldest incomplete
 * one (promise 4).
 */
import { Observable } from 'rxjs';
import { goldAnswers } from '../agent/gold-answers.ts';
import type { AnswerToMatch, Matcher } from '../agent/matcher.ts';
import type { Sleep } from '../clock.ts';
import { DataError, type SwirlError } from '../errors.ts';
import { failureOf } from '../runtime/failure.ts';
import { Exhausted, type RetryConfig, retry } from '../runtime/retry.ts';
import type { Delivery, Emission, Finished, StageOperator } from '../runtime/stage.ts';
import { firstStep } from '../topics/record-names.ts';
import type { Accepted, Judged } from '../topics/records.generated.ts';
import type { FilterConfig } from './filter-config.ts';

export interface FilterDeps {
  /** Compares answers with gold answers. */
  readonly matcher: Matcher;
  /** For a matcher that fails. */
  readonly retry: RetryConfig;
  readonly sleep: Sleep;
  /**
   * The stage's window: so many deliveries from the oldest that is held on, finished ones too, since nothing after
   * it is committed before it. When it is full, the oldest incomplete trajectory is a failure.
   */
  readonly window: number;
}

/** The steps of one trajectory that have arrived, by index. */
type Group = Map<number, Delivery<Judged>>;

export function filter(config: FilterConfig, deps: FilterDeps): StageOperator<Judged> {
  return (source) =>
    new Observable<Finished>((subscriber) => {
      const open = new Map<string, { readonly since: number; readonly group: Group }>();
      let taken = 0;
      /** Trajectories whose answer is being compared. */
      let comparing = 0;
      let drained = false;

      const finish = (
        deliveries: readonly Delivery<Judged>[],
        outputs: (at: number) => readonly Emission[],
      ) => {
        deliveries.forEach(({ offset }, at) => {
          subscriber.next({ offset, outputs: outputs(at) });
        });
      };
      const fail = (deliveries: readonly Delivery<Judged>[], error: SwirlError, attempts = 1) =>
        finish(deliveries, (at) => {
          const delivery = deliveries[at];
          return [failureOf('filter', delivery, error, { record: delivery.value.id, attempts })];
        });
      const giveUp = (trajectory: string, group: Group, why: string) => {
        open.delete(trajectory);
        const [first] = group.values();
        const count = first?.value.subTrajectory.count;
        const problem = `trajectory ${trajectory}: ${group.size} of its ${count} steps were judged, then ${why}`;
        fail(byOffset(group), new DataError(problem));
      };

      const take = (delivery: Delivery<Judged>) => {
        const { trajectory, index, count } = delivery.value.subTrajectory;
        const { since, group } = open.get(trajectory) ?? { since: taken, group: new Map() as Group };
        taken++;
        const expected = group.values().next().value?.value.subTrajectory.count ?? count;
        if (group.has(index) || count !== expected || index < firstStep(trajectory) || index >= count) {
          const problem = `step ${index} of ${count} does not fit the ${group.size} of ${expected} steps that wait`;
          fail([delivery], new DataError(problem));
        } else {
          open.set(trajectory, { since, group: group.set(index, delivery) });
          if (group.size === count - firstStep(trajectory)) {
            open.delete(trajectory);
            decide(group);
          }
        }
        makeRoom();
      };

      /** Without it the runtime would have no room for the steps that are missing. */
      const makeRoom = () => {
        const [oldest] = open;
        if (oldest === undefined || taken - oldest[1].since < deps.window) return;
        giveUp(oldest[0], oldest[1].group, `the filter's window of ${deps.window} records was full`);
      };

      /** The outputs go with the delivery that came last, so that they are committed once all of them are. */
      const decide = (group: Group) => {
        const deliveries = byOffset(group);
        const steps = [...group].sort(([a], [b]) => a - b).map(([, { value }]) => value);
        const end = (passed: boolean, found: Found) => {
          const accepted = passed ? steps.map((step) => emission(step, found)) : [];
          finish(deliveries, (at) => (at === deliveries.length - 1 ? accepted : []));
        };
        const good = allGood(steps, config);
        if (config.mode === 'none' || config.mode === 'process') {
          end(config.mode === 'none' || good, { correct: null, by: null });
          return;
        }
        const asked = answerOf(steps, config.mode);
        if (asked instanceof DataError) fail(deliveries, asked);
        else if (asked === null) end(false, { correct: false, by: null });
        else {
          compare(asked, deliveries, (correct) =>
            end(correct && (config.mode === 'outcome' || good), { correct, by: deps.matcher.by }),
          );
        }
      };

      /** Asks the matcher; one that answers at once is done at once. */
      const compare = (
        asked: AnswerToMatch,
        deliveries: readonly Delivery<Judged>[],
        done: (correct: boolean) => void,
      ) => {
        const { signal } = deliveries.at(-1) as Delivery<Judged>;
        const first = deps.matcher.matches(asked, { signal });
        if (typeof first === 'boolean') {
          done(first);
          return;
        }
        comparing++;
        const answers = [first];
        const task = async () => answers.pop() ?? deps.matcher.matches(asked, { signal });
        retry(task, { config: deps.retry, signal, sleep: deps.sleep })
          .then(done, (error: unknown) => {
            if (error instanceof Exhausted) fail(deliveries, error.error, error.attempts);
            else if (!signal.aborted) subscriber.error(error);
          })
          .finally(() => {
            comparing--;
            if (drained && comparing === 0) subscriber.complete();
          });
      };

      return source.subscribe({
        next: take,
        error: (error) => subscriber.error(error),
        complete: () => {
          for (const [trajectory, { group }] of open) giveUp(trajectory, group, 'the topic was drained');
          drained = true;
          if (comparing === 0) subscriber.complete();
        },
      });
    });
}

function allGood(steps: readonly Judged[], { unknown }: FilterConfig): boolean {
  return steps.every(
    ({ verdict }) => verdict.label === 'GOOD' || (verdict.label === 'UNKNOWN' && unknown === 'accept'),
  );
}

/**
 * The answer of a complete trajectory; null where it has none, a `DataError` where there is none to compare
 * it with.
 */
function answerOf(steps: readonly Judged[], mode: FilterConfig['mode']): AnswerToMatch | null | DataError {
  const { question, action, trajectory } = (steps.at(-1) as Judged).subTrajectory;
  const golds = goldAnswers(question);
  if (golds.length === 0) {
    return new DataError(
      `trajectory ${trajectory}: the ${mode} filter needs a gold answer, and question ${question.id} has none`,
    );
  }
  return action.kind === 'ANSWER' ? { answer: action.content ?? '', golds, question } : null;
}

/** What the filter found of an answer; null where it did not look. */
type Found = Pick<Accepted, 'correct' | 'by'>;

function emission({ id, subTrajectory, verdict }: Judged, found: Found): Emission {
  return {
    topic: 'accepted',
    key: subTrajectory.trajectory,
    value: { id, subTrajectory, verdict, ...found },
  };
}

function byOffset(group: Group): Delivery<Judged>[] {
  return [...group.values()].sort((a, b) => a.offset - b.offset);
}
