/** What `swirl evaluate` prints for people. */
import type { Evaluation } from '../evaluate/evaluate.ts';
import type { Estimate } from '../evaluate/interval.ts';
import type { Metrics } from '../evaluate/metrics.ts';
import { table } from './table.ts';

/** A row for each measure of each task, and of all of them; `swirl` is how the command is called here. */
export function evaluationReport(
  { run, all, tasks, failures, finished }: Evaluation,
  { folder, swirl }: { readonly folder: string; readonly swirl: string },
): string {
  const of = [...tasks, ...(tasks.size === 1 ? [] : [['all', all] as const])];
  const notes = [
    `run ${run} in ${folder}${finished ? '' : ' (interrupted)'}`,
    ...(failures > 0 ? [`${failures} records failed; see: ${swirl} tap failures -t ${folder}`] : []),
    ...(all.unknown > 0
      ? [`${all.unknown} verdicts were UNKNOWN and are not in the share of good steps`]
      : []),
  ];
  const header = ['task', 'questions', 'measure', 'mean', '95% interval'];
  return `${table(
    header,
    of.flatMap(([task, metrics]) => rows(task, metrics)),
  )}\n${notes.join('\n')}\n`;
}

function rows(task: string, { trajectories, accuracy, judged, f1, goodSteps, steps }: Metrics): string[][] {
  const measures: [string, Estimate][] = [
    ['accuracy', accuracy],
    ...(judged ? [['judged correct', judged] as [string, Estimate]] : []),
    ['F1', f1],
    ['good steps', goodSteps],
    ['steps', steps],
  ];
  return measures.map(([name, { mean, low, high }], index) => [
    ...(index === 0 ? [task, String(trajectories)] : ['', '']),
    name,
    digits(mean),
    `${digits(low)} to ${digits(high)}`,
  ]);
}

/** Nothing to take a mean of, or too little for an interval: a dash. */
function digits(value: number): string {
  return Number.isNaN(value) ? '-' : value.toFixed(3);
}
