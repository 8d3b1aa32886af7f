/**
 * A stage of one's own between `judged` and `filter`: of the trajectories of a question it drops those that are too
 * like one that passed, so that training does not see the same solution again and again. See topology-stages.yaml.
 */
import { concatMap, defer, filter, type MonoTypeOperatorFunction, type Observable } from 'rxjs';
import { defineStage, type Gathered, gather, type Judged, refuse } from 'swirl-rl';
import { z } from 'zod';

const settings = z.strictObject({
  threshold: z
    .number()
    .min(0)
    .max(1)
    .default(0.8)
    .describe('Trajectories that share more than this are alike.'),
  words: z.int().min(1).max(8).default(3).describe('How many words in a row are compared.'),
  questions: z.int().min(1).default(1000).describe('Of how many questions trajectories are remembered.'),
  perQuestion: z.int().min(1).default(64).describe('How many trajectories of a question are remembered.'),
  openSteps: z.int().min(1).default(10_000).describe('Most steps of trajectories that are not complete yet.'),
});

type Settings = z.output<typeof settings>;

export default defineStage({
  description: 'Drops trajectories that are too like an earlier one of their question.',
  // It remembers what passed, so it works on the stream of a partition; after a restart Swirl builds that memory again.
  over: 'partition',
  reads: 'judged',
  settings,
  make: (config) => (judged$: Observable<Judged>) =>
    judged$.pipe(
      gather({ maxSteps: config.openSteps }),
      distinct(config),
      concatMap(({ steps, complete }) =>
        complete ? steps : [refuse('it made room before all of its steps came')],
      ),
    ),
});

/** Lets a trajectory pass unless one like it did. What it remembers belongs to the subscription. */
function distinct(config: Settings): MonoTypeOperatorFunction<Gathered<Judged>> {
  return (trajectories$) =>
    defer(() => {
      const passed = new Map<string, Set<string>[]>();
      return trajectories$.pipe(
        filter(({ steps, complete }) => {
          const question = steps[0]?.subTrajectory.question.id ?? '';
          const shown = shingles(steps, config.words);
          const before = passed.get(question) ?? [];
          if (!complete) return true;
          if (before.some((other) => similarity(shown, other) > config.threshold)) return false;
          // The question that was asked last is remembered longest.
          passed.delete(question);
          passed.set(question, [...before, shown].slice(-config.perQuestion));
          const [oldest] = passed.keys();
          if (passed.size > config.questions && oldest !== undefined) passed.delete(oldest);
          return true;
        }),
      );
    });
}

/** The most shingles of one trajectory: models may write without end. */
const MAX_SHINGLES = 4096;

/** The runs of a few words in what the policy wrote. */
function shingles(steps: readonly Judged[], words: number): Set<string> {
  const found = new Set<string>();
  for (const { subTrajectory } of steps) {
    const text = subTrajectory.action.text.toLowerCase().match(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) ?? [];
    // An action shorter than that is compared whole.
    for (let i = 0; i <= Math.max(0, text.length - words) && found.size < MAX_SHINGLES; i++) {
      found.add(text.slice(i, i + words).join(' '));
    }
  }
  return found;
}

/** Jaccard: the share of what both have in what either has. */
function similarity(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  const shared = [...a].filter((one) => b.has(one)).length;
  const either = a.size + b.size - shared;
  return either === 0 ? 1 : shared / either;
}
