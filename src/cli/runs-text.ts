/** The runs of a folder, for people: replays stand under what they replay. */
import { bytesText } from '../engine/webgpu/memory/memory-advice.ts';
import { printable } from '../monitor/printable.ts';
import type { BrokenRun, RunFigures } from '../run-file/list-runs.ts';
import { screenWidth } from './screen.ts';
import { moneyText } from './spent-text.ts';
import { table } from './table.ts';

type Listed = RunFigures | BrokenRun;

/** Characters of a hash, as elsewhere. */
const HASH = 12;
/** Characters of what is wrong with a run; `swirl verify` says all of it. */
const WRONG = 300;

/** Tables that fit the screen, and under them what is wrong with the runs that cannot be read. */
export function runsText(runs: readonly Listed[]): string {
  const rows = ordered(runs).map(({ run, depth }) => ({ name: `${'  '.repeat(depth)}${run.name}`, run }));
  const notes = runs.flatMap((run) =>
    'error' in run ? [`${run.name}: ${printable(run.error, WRONG)}`] : strays(run, runs),
  );
  const paying = rows.filter(({ run }) => 'spent' in run && run.spent !== null);
  const texts = [
    named(
      ['run', 'last record', 'records', 'updates', 'weights', 'size'],
      rows.map(({ name, run }) => [
        name,
        ...('error' in run ? ['cannot be read', '', '', ''] : figures(run)),
        bytesText(run.bytes),
      ]),
    ),
    // Who pays nobody need not read of it.
    ...(paying.length === 0
      ? []
      : [
          named(
            ['run', 'requests', 'spent'],
            paying.map(({ name, run }) => [name, ...paid(run)]),
          ),
        ]),
    ...(notes.length === 0 ? [] : [notes.join('\n')]),
  ];
  return texts.join('\n\n');
}

/** A table whose first column are names: those that leave no room for the figures stand in lines of their own. */
function named(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const width = screenWidth();
  const isWide = (text: string) => text.split('\n').some((line) => line.length > width);
  const whole = (of: readonly (readonly string[])[]) => table(header, of, Number.POSITIVE_INFINITY);
  if (!isWide(whole(rows))) return whole(rows);
  let room = Math.max(...rows.map(([name = '']) => name.length)) - 1;
  const short = () =>
    whole(rows.map(([name = '', ...figures]) => [name.length > room ? '' : name, ...figures]));
  while (room > 0 && isWide(short())) room--;
  const [head = '', rule = '', ...lines] = short().split('\n');
  const told = lines.flatMap((line, n) => {
    const [name = ''] = rows[n] ?? [];
    return name.length > room ? [name, line] : [line];
  });
  return [head, rule, ...told].join('\n');
}

function figures({ lastRecord, records, transport, update }: RunFigures): string[] {
  const count = Object.values(records).reduce((sum, one) => sum + one, 0);
  return [
    lastRecord === null ? '' : new Date(lastRecord).toISOString().slice(0, 16).replace('T', ' '),
    // The marks of Kafka's transactions are among them.
    `${transport === 'kafka' && count > 0 ? '<' : ''}${count}`,
    update === null ? '' : `${update.step}`,
    update === null ? '' : update.weightsHash.slice(0, HASH),
  ];
}

function paid(run: Listed): string[] {
  if ('error' in run || run.spent === null) return ['', ''];
  const { requests, money, currency } = run.spent;
  return [`${requests}`, money === null ? '' : moneyText(money, currency)];
}

/** Replays after the run that they read, deeper. */
function ordered(runs: readonly Listed[]): { readonly run: Listed; readonly depth: number }[] {
  const names = new Set(runs.map(({ name }) => name));
  const parentOf = (run: Listed) => ('source' in run ? (run.source?.run ?? null) : null);
  const under = (parent: string | null, depth: number): { run: Listed; depth: number }[] =>
    runs
      .filter((run) => {
        const own = parentOf(run);
        return (own !== null && own !== run.name && names.has(own) ? own : null) === parent;
      })
      .flatMap((run) => [{ run, depth }, ...under(run.name, depth + 1)]);
  return under(null, 0);
}

/** A replay whose run is not there. */
function strays({ name, source }: RunFigures, runs: readonly Listed[]): string[] {
  if (source === null || runs.some((run) => run.name === source.run)) return [];
  return [`${name} replays ${source.topic} of the run ${source.run}, which is not here`];
}
