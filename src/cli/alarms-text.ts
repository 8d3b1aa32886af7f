/** The alarms of a run at its end: of all its processes, this one's too. */
import type { RaisedAlarm } from '../monitor/alarms.ts';
import type { KeptAlarm } from '../monitor/kept-alarms.ts';
import { printable } from '../monitor/printable.ts';
import { hanging, screenWidth } from './screen.ts';

/** Alarms that are printed: the last raised. */
const MOST = 10;
const LINE_CHARS = 600;

/** Lines for people; none where none was raised. */
export function alarmsText(alarms: readonly KeptAlarm[]): string {
  const width = screenWidth();
  const more = alarms.length > MOST ? [`and ${alarms.length - MOST} more alarms, raised before these`] : [];
  return [...alarms.slice(0, MOST).map(lineOf), ...more]
    .map((line) => `${hanging(printable(line, LINE_CHARS), { width, indent: 2 })}\n`)
    .join('');
}

function lineOf({ when, saw, over, times, last, do: does }: KeptAlarm): string {
  const often = times === 1 ? '' : `${times} times, last `;
  const stops = does === 'stop' ? '; it stopped the run' : '';
  return `alarm: ${when} (${saw}, over ${over}), ${often}${timeText(last)}${stops}`;
}

/** As the log of a run has it: local, to the second. */
function timeText(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${date.toTimeString().slice(0, 8)}`;
}

/** For programs: `here` is how often it was raised in this process, `holds` whether it held at its end. */
export function alarmsJson(kept: readonly KeptAlarm[], raised: readonly RaisedAlarm[]): object[] {
  return kept.map(({ first, last, ...alarm }) => {
    const own = raised.find(
      (one) => one.when === alarm.when && one.over === alarm.over && one.do === alarm.do,
    );
    const times = { first: new Date(first).toISOString(), last: new Date(last).toISOString() };
    return { ...alarm, ...times, here: own?.times ?? 0, holds: own?.holds ?? false };
  });
}
