/** What `swirl evaluate` prints for people. */
import type { Evaluation } from '../evaluate/evaluate.ts';
import { differenceRows, notesOf, resultRows } from '../evaluate/report.ts';
import { printable } from '../monitor/printable.ts';
import { swirlCommand } from './own-name.ts';
import { hanging, screenWidth } from './screen.ts';
import { table } from './table.ts';

/** A row for each measure of each group; `folder` is that of the evaluation's run, from here. */
export function evaluationReport(evaluation: Evaluation, folder: string): string {
  const { run, against, failures } = evaluation;
  const rows = resultRows(evaluation, { brief: true }).map((row) => [
    printable(row.group, 60),
    row.questions,
    row.measure,
    row.mean,
    row.interval,
  ]);
  const differences = differenceRows(evaluation);
  const notes = [`run ${run} in ${folder}; report.md and report.json are there`, ...notesOf(evaluation)];
  return [
    table(['task', 'questions', 'measure', 'mean', '95% interval'], rows),
    '',
    ...(against === null
      ? []
      : [table(['measure', against.run, run, 'difference', '95% interval'], differences), '']),
    ...notes.map((note) => hanging(note, { width: screenWidth(), indent: 2 })),
    ...(failures > 0 ? [`what failed: ${swirlCommand('tap', 'failures', '-t', folder)}`] : []),
    '',
  ].join('\n');
}
