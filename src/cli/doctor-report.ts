/** What `swirl doctor` prints for people. */
import colors from 'picocolors';
import { printable } from '../monitor/printable.ts';
import type { Check } from './doctor-check.ts';
import { canRewrite, hanging, screenWidth } from './screen.ts';

const FAILED = 'FAILED';
const OK = 'ok'.padEnd(FAILED.length);
/** Of what stands below a check. */
const INDENT = 9;
/** Longest finding, in characters. */
const FOUND = 1000;

/** Room for a table below a check. */
export function tableWidth(): number {
  return screenWidth() - INDENT;
}

/** What is being looked at, on a terminal, until its check takes the line's place. */
export function announce(name: string): string {
  return `${'...'.padEnd(FAILED.length)} ${name}\r`;
}

export function checkText({ name, ok, found, fix, lines = [] }: Check): string {
  const width = screenWidth();
  const mark = ok ? colors.green(OK) : colors.red(FAILED);
  const head = hanging(`${name}: ${printable(found, FOUND)}`, { width, indent: FAILED.length + 1 });
  const more = [...lines, ...(fix === undefined ? [] : [`what to do: ${fix}`])];
  const below = more.map((line) => ' '.repeat(INDENT) + hanging(line, { width, indent: INDENT }));
  // The first character of the announced line is overwritten, and what is left of it is erased.
  const erase = canRewrite(process.stdout) ? '\u001b[2K' : '';
  return `${[`${erase}${mark} ${head}`, ...below].join('\n')}\n`;
}

/** Names what failed again: it may have scrolled away. */
export function endText(checks: readonly Check[]): string {
  const failed = checks.filter(({ ok }) => !ok).map(({ name }) => name);
  if (failed.length === 0) return 'everything is fine\n';
  return `${failed.length} of ${checks.length} checks failed: ${failed.join(', ')}\n`;
}
