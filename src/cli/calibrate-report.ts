/** A calibration as a table. */
import type { Agreement, calibrate } from '../evaluate/calibration.ts';
import type { Estimate } from '../evaluate/interval.ts';
import { printable } from '../monitor/printable.ts';
import { table } from './table.ts';

export function calibrationReport(
  { all, kinds }: ReturnType<typeof calibrate>,
  { judge, second }: { readonly judge: string; readonly second: string | null },
): string {
  const rows = [...kinds, ['all', all] as const].map(([name, found]) => [
    printable(name, 40),
    String(found.steps),
    percent(found.falsePositives),
    percent(found.falseNegatives),
    percent(found.unknown),
    kappa(found.agreement),
    ...(second === null ? [] : [found.judges === null ? '' : kappa(found.judges)]),
  ]);
  const header = ['kind', 'steps', 'BAD called GOOD', 'GOOD called BAD', 'UNKNOWN', 'kappa with labels'];
  const told = second === null ? '' : `, and how far ${printable(second, 60)} agrees with it`;
  return `${[
    `The judge ${printable(judge, 60)} on labelled steps${told}. Shares in per cent with 95% intervals.`,
    '',
    table(second === null ? header : [...header, 'kappa of the two'], rows).trimEnd(),
  ].join('\n')}\n`;
}

function percent({ mean, low, high, count }: Estimate): string {
  return count === 0 ? '-' : `${of100(mean)} (${of100(low)} to ${of100(high)})`;
}

function of100(value: number): string {
  return (100 * value).toFixed(1);
}

function kappa({ kappa: found }: Agreement): string {
  return found === null
    ? '-'
    : `${found.value.toFixed(2)} (${found.low.toFixed(2)} to ${found.high.toFixed(2)})`;
}
