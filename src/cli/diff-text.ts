/** Two runs beside each other, for people. */
import type { RunDiff } from '../lineage/run-diff.ts';
import type { WeightsDiff } from '../lineage/weights-diff.ts';
import { printable } from '../monitor/printable.ts';
import { screenWidth } from './screen.ts';
import { table } from './table.ts';

/** Tables of at most so many rows, of settings, verdicts and tensors. */
export function diffText(diff: RunDiff, weights: WeightsDiff | null, most: number): string {
  const { settings, topics, verdicts, measures } = diff;
  const [a, b] = diff.runs;
  const listed = (header: readonly string[], rows: readonly (readonly string[])[], all = rows.length) =>
    firstRows(header, rows, { most, all });
  const short = (value: string | null) => printable(value ?? '(not there)', 30);
  const parts = [
    settings.length === 0 ? 'settings: the same' : 'settings',
    listed(
      ['setting', a, b],
      settings.map((one) => [one.path, short(one.a), short(one.b)]),
    ),
    topics.length === 0 ? 'records: all in one run' : 'records',
    listed(
      ['topic', a, b, 'first difference'],
      topics.map(({ topic, first, ...count }) => [topic, `${count.a}`, `${count.b}`, differenceText(first)]),
    ),
    verdicts.compared === 0
      ? ''
      : `verdicts: ${verdicts.changed} of ${verdicts.compared} changed${verdicts.beyond === 0 ? '' : `; ${verdicts.beyond} records more were not compared (--compared)`}`,
    listed(
      ['step', a, b],
      verdicts.listed.map((one) => [printable(one.id, 40), one.a, one.b]),
      verdicts.changed,
    ),
    'measures',
    table(
      ['', a, b],
      Object.keys(measures[0]).map((name) => [
        name,
        ...measures.map((of) => number(of[name as keyof typeof of])),
      ]),
    ).trimEnd(),
    ...(weights === null ? [] : weightsParts(weights, listed)),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function differenceText(first: RunDiff['topics'][number]['first']): string {
  if (first === null) return 'none';
  const fields = first.fields.slice(0, 3).join(', ');
  return printable(`${first.id} at ${first.place}${fields === '' ? '' : `: ${fields}`}`, screenWidth() / 2);
}

function weightsParts(
  { tensors, unlike }: WeightsDiff,
  listed: (header: readonly string[], rows: readonly (readonly string[])[]) => string,
): string[] {
  const changed = tensors.filter(({ change }) => change > 0).sort((a, b) => b.change - a.change);
  return [
    `weights: ${changed.length} of ${tensors.length} tensors differ`,
    listed(
      ['tensor', 'norm', 'change', 'singular'],
      changed.map(({ name, norm, change, singular }) => [
        name,
        norm.toPrecision(3),
        change.toPrecision(3),
        singular
          ?.slice(0, 2)
          .map((value) => value.toPrecision(2))
          .join(' ') ?? '',
      ]),
    ),
    unlike.length === 0 ? '' : `only in one, or of another shape: ${unlike.slice(0, 5).join(', ')}`,
  ];
}

/** A table of the first rows of all that there are; nothing where there are none. */
function firstRows(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  { most, all }: { readonly most: number; readonly all: number },
): string {
  if (rows.length === 0) return '';
  const shown = rows.slice(0, most);
  const more = all > shown.length ? `\n… and ${all - shown.length} more (--rows, --listed)` : '';
  return `${table(header, shown).trimEnd()}${more}`;
}

function number(value: number | string | null): string {
  if (value === null) return '-';
  return typeof value === 'string' ? value.slice(0, 12) : String(Number(value.toPrecision(5)));
}
