/** A recorded run and its variants, for people. */
import type { Evaluation } from '../evaluate/evaluate.ts';
import type { GroupedDifference } from '../evaluate/paired-groups.ts';
import { differenceRows, digits, signed } from '../evaluate/report.ts';
import { PAIRED, type Paired, type Pairs, type RunMeasures } from '../lineage/run-measures.ts';
import { printable } from '../monitor/printable.ts';
import type { ReplayChange } from '../topology/replay-changes.ts';
import { counted } from './count.ts';
import { ofRun } from './of-run.ts';
import { swirlCommand } from './own-name.ts';
import { hanging, screenWidth } from './screen.ts';
import { table } from './table.ts';

/** Runs beside each other in one table; further ones follow in further tables. */
const BESIDE = 4;
/** Of a setting's value. */
const SHOWN = 40;

const TITLES: Readonly<Record<Paired, string>> = {
  good: 'good steps',
  accepted: 'accepted',
  reward: 'reward',
};

export type PairedDifference = Omit<Pairs, 'groups'> & GroupedDifference;

/** A run beside others; the recorded one has changed nothing. */
export interface Compared {
  /** Of the variant; null of the recorded run. */
  readonly name: string | null;
  readonly run: string;
  /** What a variant replays. */
  readonly reads: { readonly run: string; readonly topic: string } | null;
  readonly changes: readonly ReplayChange[];
  readonly measures: RunMeasures;
  /** From the recorded run, on the same records. */
  readonly differences: Readonly<Record<Paired, PairedDifference | null>> | null;
  /** Records that failed in this call. */
  readonly failures: number;
  /** Of the last checkpoint; null where nothing was to be evaluated, or there is none. */
  readonly evaluation: Evaluation | null;
}

/** `folder`: where the runs live. */
export function comparisonText([recorded, ...variants]: readonly Compared[], folder: string): string {
  if (recorded === undefined) return '';
  const said = variants.flatMap((one) => changesText(one, recorded.run));
  const tables = chunks(variants, BESIDE).map((some) => measuresTable([recorded, ...some]));
  const pairs = variants.flatMap(pairedRows);
  const notes = [
    pairs.length === 0
      ? `no step has another verdict or reward than in ${recorded.run}: they were read from there`
      : `on the records that are in both; intervals (95%) take the records of a question together`,
    ...evaluationNotes([recorded, ...variants]),
    ...variants
      .filter(({ failures }) => failures > 0)
      .map(
        ({ run, failures }) =>
          `${counted(failures, 'record')} failed in ${run}: ${swirlCommand('tap', 'failures', ...ofRun({ folder, run }))}`,
      ),
  ];
  const evaluated = variants.flatMap(({ name, evaluation }) =>
    evaluation === null
      ? []
      : differenceRows(evaluation).map((row, n) => [n === 0 ? (name ?? '') : '', ...row]),
  );
  return [
    ...said,
    '',
    ...tables.flatMap((text) => [text, '']),
    ...(pairs.length === 0
      ? []
      : [table(['variant', 'of', 'records', recorded.run, 'here', 'difference', '95% interval'], pairs), '']),
    ...(evaluated.length === 0
      ? []
      : [table(['variant', 'held out', recorded.run, 'here', 'difference', '95% interval'], evaluated), '']),
    ...notes.map(wrapped),
    '',
  ].join('\n');
}

function evaluationNotes(runs: readonly Compared[]): string[] {
  const found = runs.flatMap(({ evaluation }) => evaluation ?? []);
  const [first] = found;
  if (first === undefined) return [];
  const failed = found.reduce((sum, { all }) => sum + all.failed, 0);
  return [
    `held out: ${counted(first.all.questions, 'question')}${failed === 0 ? '' : `, ${counted(failed, 'rollout')} of all failed and count as wrong`}; ` +
      `report.md is in the folders of ${found.map(({ run }) => run).join(', ')}`,
  ];
}

function wrapped(line: string): string {
  return hanging(printable(line, 2000), { width: screenWidth(), indent: 2 });
}

function changesText({ name, run, reads, changes }: Compared, recorded: string): string[] {
  const short = (value: string | null) => printable(value ?? 'none', SHOWN);
  const what = changes.map(({ path, was, is }) => `${path}: ${short(was)} -> ${short(is)}`).join('; ');
  const from = reads === null ? '' : ` (${run}, from ${reads.topic} of ${reads.run})`;
  return [wrapped(`${name}${from}: ${what === '' ? `as ${recorded}` : what}`)];
}

function measuresTable(runs: readonly Compared[]): string {
  const rows: [string, (of: Compared['measures']) => string][] = [
    ['GOOD', ({ verdicts }) => shareText(verdicts.GOOD, sumOf(verdicts))],
    ['BAD', ({ verdicts }) => shareText(verdicts.BAD, sumOf(verdicts))],
    ['UNKNOWN', ({ verdicts }) => shareText(verdicts.UNKNOWN, sumOf(verdicts))],
    ['accepted', ({ accepted, judged }) => `${accepted} of ${judged}`],
    ['scored', ({ scored }) => `${scored}`],
    ['reward', ({ meanReward }) => number(meanReward)],
    ['updates', ({ updates }) => `${updates}`],
    ['loss', ({ loss }) => number(loss)],
    ['logprob', ({ meanLogprob }) => number(meanLogprob)],
    ['weights', ({ weightsHash }) => weightsHash?.slice(0, 12) ?? '-'],
  ];
  return table(
    ['', ...runs.map(({ name, run }) => name ?? run)],
    rows.map(([title, of]) => [title, ...runs.map(({ measures }) => of(measures))]),
  ).trimEnd();
}

/** A row for each measure whose records are the variant's own. */
function pairedRows({ name, differences }: Compared): string[][] {
  const found = PAIRED.flatMap((measure) => {
    const of = differences?.[measure] ?? null;
    return of === null ? [] : [{ measure, of }];
  });
  return found.map(({ measure, of: { records, was, is, difference } }, n) => [
    n === 0 ? (name ?? '') : '',
    TITLES[measure],
    `${records}`,
    ...[digits(was), digits(is), signed(difference.mean)],
    `${signed(difference.low)} to ${signed(difference.high)}`,
  ]);
}

const sumOf = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((a, b) => a + b, 0);
const number = (value: number | null) => (value === null ? '-' : String(Number(value.toPrecision(5))));
const shareText = (part: number, whole: number) =>
  whole === 0 ? '-' : `${part} (${((100 * part) / whole).toFixed(1)}%)`;

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) =>
    items.slice(n * size, (n + 1) * size),
  );
}
