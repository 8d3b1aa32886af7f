/**
 * An evaluation's report: an object for programs, and Markdown for people, both kept in the folder of its
 * run.
 */
import { randomUUID } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Comparison } from './compare.ts';
import type { Evaluation } from './evaluate.ts';
import type { Estimate } from './interval.ts';
import { MEASURES, type Measure, type Metrics } from './metrics.ts';

/** What is not a number (a mean of nothing) is null, as JSON has it. */
export function reportObject(evaluation: Evaluation): object {
  const { tasks, groups, ...rest } = evaluation;
  return {
    ...rest,
    tasks: Object.fromEntries(tasks),
    groups: Object.fromEntries([...groups].map(([key, of]) => [key, Object.fromEntries(of)])),
  };
}

/** One line of a table of results. */
export interface ResultRow {
  /** The group, on its first line only. */
  readonly group: string;
  readonly questions: string;
  readonly measure: string;
  readonly mean: string;
  readonly interval: string;
}

/**
 * A row for each measure of each task, of all of them, and of each group by the questions' `meta`; `brief`:
 * of the groups only what is measured of the answers.
 */
export function resultRows({ tasks, all, groups }: Evaluation, { brief = false } = {}): ResultRow[] {
  const whole: (readonly [string, Metrics])[] = [
    ...tasks,
    ...(tasks.size === 1 ? [] : [['all', all] as const]),
  ];
  const parts = [...groups].flatMap(([key, of]) =>
    [...of].map(([value, metrics]) => [`${key} ${value}`, metrics] as const),
  );
  const kept = new Set(['accuracy', 'judged correct', 'F1']);
  return [
    ...whole.flatMap(([group, metrics]) => rowsOf(group, metrics)),
    ...parts.flatMap(([group, metrics]) =>
      rowsOf(group, metrics).filter(({ measure }) => !brief || kept.has(measure)),
    ),
  ];
}

function rowsOf(group: string, metrics: Metrics): ResultRow[] {
  const { accuracy, judged, passAt, majority, exact, f1, goodSteps, steps } = metrics;
  const measures: [string, Estimate][] = [
    ['accuracy', accuracy],
    ...(passAt ?? [])
      .filter(({ k }) => k > 1)
      .map(({ k, estimate }): [string, Estimate] => [`pass@${k}`, estimate]),
    ...(majority ? [['majority', majority] as [string, Estimate]] : []),
    ...(judged ? [['judged correct', judged] as [string, Estimate]] : []),
    ['exact match', exact],
    ['F1', f1],
    ['good steps', goodSteps],
    ['steps', steps],
  ];
  return measures.map(([measure, { mean, low, high }], index) => ({
    group: index === 0 ? group : '',
    questions: index === 0 ? String(metrics.questions) : '',
    measure,
    mean: digits(mean),
    interval: `${digits(low)} to ${digits(high)}`,
  }));
}

/** A row for each measure of a comparison. */
export function differenceRows({ against }: Pick<Evaluation, 'against'>): string[][] {
  if (against === null) return [];
  return (Object.keys(MEASURES) as Measure[]).flatMap((measure) => {
    const found = against.measures[measure];
    if (found === undefined) return [];
    const { here, there, difference } = found;
    return [
      [
        MEASURES[measure].title,
        digits(there),
        digits(here),
        signed(difference.mean),
        `${signed(difference.low)} to ${signed(difference.high)}`,
      ],
    ];
  });
}

/** What was left out, failed or counted as wrong: said once each. */
export function notesOf({ all, rollouts, failures, finished, against, policies }: Evaluation): string[] {
  const { failed, uncompared, ungraded, unknown } = all;
  return [
    ...(finished ? [] : ['Interrupted: what is not finished is not counted.']),
    ...(policies.length > 0
      ? [`Answers by ${policies.join(', ')}; ${count(rollouts, 'rollout')} a question.`]
      : []),
    ...(failed > 0 ? [`${failed} of ${count(all.rollouts, 'rollout')} failed and count as wrong.`] : []),
    ...(failures > 0 ? [`${count(failures, 'record')} in the topic failures.`] : []),
    ...(uncompared > 0
      ? [`${count(uncompared, 'answer')} could not be compared and are not in the accuracy.`]
      : []),
    ...(ungraded > 0
      ? [`${count(ungraded, 'answer')} could not be graded and are not in what is judged correct.`]
      : []),
    ...(unknown > 0 ? [`${count(unknown, 'verdict')} UNKNOWN, not in the share of good steps.`] : []),
    ...(against === null ? [] : [comparedNote(against)]),
  ];
}

function comparedNote({ run, questions, onlyHere, onlyThere }: Comparison): string {
  const apart = onlyHere + onlyThere > 0 ? ` (${onlyHere} are only here, ${onlyThere} only there)` : '';
  return `Compared with ${run} on ${count(questions, 'question')} that are in both${apart}.`;
}

/** The report as Markdown. */
export function reportMarkdown(evaluation: Evaluation): string {
  const { run, against } = evaluation;
  const rows = resultRows(evaluation).map(({ group, questions, measure, mean, interval }) => [
    group,
    questions,
    measure,
    mean,
    interval,
  ]);
  const compared =
    against === null
      ? []
      : [
          '',
          markdownTable(
            ['measure', against.run, run, 'difference', '95% interval'],
            differenceRows(evaluation),
          ),
        ];
  return [
    `# Evaluation ${escaped(run)}`,
    '',
    ...notesOf(evaluation).map((note) => `- ${escaped(note)}`),
    '',
    markdownTable(['', 'questions', 'measure', 'mean', '95% interval'], rows),
    ...compared,
    '',
    INTERVALS,
    '',
  ].join('\n');
}

const INTERVALS =
  'Intervals: Wilson, with the effective sample size where values lie between 0 and 1; differences on the ' +
  'same questions: Newcombe 1998, method 10; steps: normal.';

/** Writes `report.json` and `report.md` into a folder, each aside and renamed into place. */
export function writeReport(evaluation: Evaluation, folder: string): void {
  const files = {
    'report.json': `${JSON.stringify(reportObject(evaluation), null, 1)}\n`,
    'report.md': reportMarkdown(evaluation),
  };
  for (const [name, text] of Object.entries(files)) {
    const aside = join(folder, `${name}.${randomUUID()}.tmp`);
    writeFileSync(aside, text);
    renameSync(aside, join(folder, name));
  }
}

function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escaped).join(' | ')} |`;
  return [
    line(header),
    line(header.map((_, column) => (column < header.length - 2 ? '---' : '---:'))),
    ...rows.map(line),
  ].join('\n');
}

/** Names of groups come from data: they may not end a cell, or begin markup. */
function escaped(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, ' ').replace(/[\\|<>`*_[\]]/g, (sign) => `\\${sign}`);
}

/** Nothing to take a mean of, or too little for an interval: a dash. */
export function digits(value: number): string {
  return Number.isNaN(value) ? '-' : value.toFixed(3);
}

export function signed(value: number): string {
  return Number.isNaN(value) ? '-' : `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(3)}`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
