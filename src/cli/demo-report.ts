/** What the demo says at its end: a table for people, an object for programs. */
import { type Estimate, mean, share } from '../evaluate/interval.ts';
import { labTasks } from '../lab/task-settings.ts';
import { wrapText } from './screen.ts';
import { table } from './table.ts';

/** The report is read on any terminal, and in logs. */
const COLUMNS = 80;

export type Decoding = 'sampled' | 'greedy';

/** What came of one held-out question. */
export interface Outcome {
  readonly question: string;
  readonly task: string;
  readonly right: boolean;
  /** Share of its steps that are GOOD. */
  readonly goodSteps: number;
}

export type Outcomes = Readonly<Record<Decoding, readonly Outcome[]>>;

/** Records per topic. */
export interface Counts {
  readonly questions: number;
  readonly trajectories: number;
  readonly subTrajectories: number;
  readonly verdicts: number;
  readonly accepted: number;
  readonly scored: number;
  readonly updates: number;
  readonly failures: number;
  readonly meanReward: number;
}

export interface DemoResult {
  readonly counts: Counts;
  readonly before: Outcomes;
  readonly after: Outcomes;
  readonly hashBefore: string;
  readonly hashAfter: string;
  readonly seconds: number;
  readonly device: string;
}

const tasks = Object.keys(labTasks);
const decodings: readonly Decoding[] = ['sampled', 'greedy'];
const measures = ['accuracy', 'goodSteps'] as const;
type Measure = (typeof measures)[number];
const titles: Record<Measure, string> = { accuracy: 'right answers', goodSteps: 'good steps' };

/** The closing tables, no wider than 80 columns. */
export function report(result: DemoResult): string {
  const { counts, hashBefore, hashAfter, seconds, device } = result;
  const heldOut = result.before.sampled.length / tasks.length;
  const flowed = [
    `${counts.questions} questions`,
    `${counts.trajectories} trajectories`,
    `${counts.subTrajectories} steps, each judged`,
    `${counts.accepted} accepted and scored`,
    `${counts.updates} updates`,
    `${counts.failures} failures`,
  ].join(', ');
  return [
    ...wrapText(`What flowed: ${flowed}.`, COLUMNS),
    '',
    ...wrapText(
      `On ${heldOut} held-out questions of each task, with 95% intervals; the gain is over the same questions:`,
      COLUMNS,
    ),
    ...decodings.flatMap((decoding) => ['', gains(result, decoding)]),
    '',
    `Mean reward of what it learned from: ${counts.meanReward.toFixed(3)} (no bad step passes the filter).`,
    `Weights ${hashBefore.slice(0, 12)} became ${hashAfter.slice(0, 12)}.`,
    ...wrapText(`${seconds.toFixed(0)} s on ${device}.`, COLUMNS),
  ].join('\n');
}

/** The table of one way of decoding. */
function gains(result: DemoResult, decoding: Decoding): string {
  const rows = measures.flatMap((measure) =>
    tasks.map((task) => {
      const change = compare(result, { decoding, measure, task });
      return [
        `${titles[measure]}, ${task}`,
        withInterval(change.before),
        withInterval(change.after),
        withInterval(change.gain, signed),
      ];
    }),
  );
  return table([decoding, 'before', 'after', 'gain'], rows, COLUMNS);
}

/**
 * The object of `--json`. `accuracy` and `goodSteps` are of sampled answers; intervals and greedy ones stand
 * beside.
 */
export function summary(result: DemoResult): object {
  const { counts, hashBefore, hashAfter, seconds, device } = result;
  const { questions, trajectories, subTrajectories, verdicts, updates, failures, meanReward } = counts;
  return {
    ...{ questions, trajectories, subTrajectories, verdicts, updates, failures, hashBefore, hashAfter },
    accuracy: perTask(result, 'sampled', 'accuracy'),
    goodSteps: perTask(result, 'sampled', 'goodSteps'),
    seconds: Number(seconds.toFixed(1)),
    device,
    meanReward,
    greedy: {
      accuracy: perTask(result, 'greedy', 'accuracy'),
      goodSteps: perTask(result, 'greedy', 'goodSteps'),
    },
    intervals: Object.fromEntries(
      decodings.map((decoding) => [
        decoding,
        Object.fromEntries(
          measures.map((measure) => [
            measure,
            Object.fromEntries(tasks.map((task) => [task, compare(result, { decoding, measure, task })])),
          ]),
        ),
      ]),
    ),
  };
}

/** One line: `right answers: search 0.38, math 0.58`. */
export function rightAnswers(outcomes: readonly Outcome[]): string {
  const each = tasks.map((task) => {
    const mine = outcomes.filter((outcome) => outcome.task === task);
    return `${task} ${(mine.filter(({ right }) => right).length / mine.length).toFixed(2)}`;
  });
  return `right answers: ${each.join(', ')}`;
}

function perTask(result: DemoResult, decoding: Decoding, measure: Measure): object {
  return Object.fromEntries(
    tasks.map((task) => {
      const { before, after } = compare(result, { decoding, measure, task });
      return [task, { before: before.mean, after: after.mean }];
    }),
  );
}

interface Change {
  readonly before: Estimate;
  readonly after: Estimate;
  /** Mean of the differences on the same questions. */
  readonly gain: Estimate;
}

/** Before against after. Questions that failed in one of the evaluations have no difference. */
export function compare(
  { before, after }: Pick<DemoResult, 'before' | 'after'>,
  {
    decoding,
    measure,
    task,
  }: { readonly decoding: Decoding; readonly measure: Measure; readonly task: string },
): Change {
  const of = (outcomes: Outcomes) => outcomes[decoding].filter((outcome) => outcome.task === task);
  const value = (outcome: Outcome) => (measure === 'accuracy' ? Number(outcome.right) : outcome.goodSteps);
  const estimate = (outcomes: readonly Outcome[]) =>
    measure === 'accuracy'
      ? share(outcomes.filter(({ right }) => right).length, outcomes.length)
      : mean(outcomes.map(value));
  const earlier = new Map(of(before).map((outcome) => [outcome.question, value(outcome)]));
  const differences = of(after).flatMap((outcome) => {
    const first = earlier.get(outcome.question);
    return first === undefined ? [] : [value(outcome) - first];
  });
  return { before: estimate(of(before)), after: estimate(of(after)), gain: mean(differences) };
}

/** `0.83 [.77, .88]`. */
function withInterval({ mean, low, high }: Estimate, number = plain): string {
  const bound = (value: number) => number(value).replace(/^([-+]?)0\./, '$1.');
  return `${number(mean)} [${bound(low)}, ${bound(high)}]`;
}

function plain(value: number): string {
  return value.toFixed(2);
}

function signed(value: number): string {
  return `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(2)}`;
}
