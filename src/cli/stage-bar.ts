/** One stage in one line of the screen, however its names are called: a line that wraps would be drawn over. */
import pc from 'picocolors';
import { printable } from '../monitor/printable.ts';
import type { StageProgress } from '../runtime/run.ts';
import { duration } from './duration.ts';

/** Columns of a bar, on a screen that is wider than usual and on others. */
const BAR = { wide: 24, usual: 16 };
const WIDE = 100;
/** Widths of a stage's name. */
const NAME = { least: 10, most: 20 };
/** Below that a count of records cannot be read. */
const LEAST = 8;

export interface BarOptions {
  readonly columns: number;
  /** Records that the stage goes through in a second. */
  readonly perSecond: number;
  readonly retries: number;
  /** How much is done, where it is not the share of the records. */
  readonly share?: number;
}

export function bar(progress: StageProgress, { columns, perSecond, retries, share }: BarOptions): string {
  const { stage, reads, done, backlog, inFlight, written } = progress;
  const width = columns < WIDE ? BAR.usual : BAR.wide;
  const part = share ?? (done + backlog === 0 ? 0 : done / (done + backlog));
  const full = Math.round(Math.min(1, part) * width);
  const failed = written.failures ? ` ${written.failures} failed` : '';
  const name = printable(stage, NAME.most).padEnd(NAME.least);
  // A terminal wraps what fills its last column.
  const room = Math.max(LEAST, columns - name.length - width - failed.length - 3);
  const counts = fitted(
    [
      `${done}/${done + backlog} ${reads}`,
      ...(perSecond > 0 ? [rate(perSecond)] : []),
      ...(perSecond > 0 && backlog > 0 && share === undefined
        ? [`${duration((1000 * backlog) / perSecond)} left`]
        : []),
      ...(retries > 0 ? [retries === 1 ? '1 retry' : `${retries} retries`] : []),
      ...(inFlight > 0 ? [`${inFlight} in flight`] : []),
    ],
    room,
  );
  const filled = `${pc.green('█'.repeat(full))}${pc.dim('░'.repeat(width - full))}`;
  return `${pc.bold(name)} ${filled} ${counts}${pc.red(failed)}`;
}

/** The parts, as many as a line of so many columns has room for. */
export function fittedLine(parts: readonly string[], columns: number): string {
  return fitted(parts, columns - 1);
}

function fitted([first = '', ...rest]: readonly string[], room: number): string {
  let line = printable(first, room);
  for (const part of rest) if (line.length + 2 + part.length <= room) line += `, ${part}`;
  return line;
}

function rate(perSecond: number): string {
  if (perSecond >= 0.95) return `${perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond)}/s`;
  return `${(60 * perSecond).toFixed(1)}/min`;
}
