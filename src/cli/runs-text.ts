/** The runs of a folder, for people: replays stand under what they replay. */
import { bytesText } from '../engine/webgpu/memory/memory-advice.ts';
import { printable } from '../monitor/printable.ts';
import type { BrokenRun, RunFigures } from '../run-file/list-runs.ts';
import { moneyText } from './spent-text.ts';
import { table } from './table.ts';

type Listed = RunFigures | BrokenRun;

/** Characters of a hash, as elsewhere. */
const HASH = 12;
/** Characters of what is wrong with a run; `swirl verify` says all of it. */
const WRONG = 300;

/** A table, and under it what is wrong with those that cannot be read. */
export function runsText(runs: readonly Listed[]): string {
  // Who pays nobody need not read of it.
  const pays = runs.some((run) => 'spent' in run && run.spent !== null);
  const header = [
    ...['run', 'last record', 'records', 'updates', 'weights'],
    ...(pays ? ['requests', 'spent'] : []),
    'size',
  ];
  const rows = ordered(runs).map(({ run, depth }) => [
    `${'  '.repeat(depth)}${run.name}`,
    ...('error' in run ? ['cannot be read', '', '', ''] : figures(run)),
    ...(pays ? paid(run) : []),
    bytesText(run.bytes),
  ]);
  const notes = runs.flatMap((run) =>
    'error' in run ? [`${run.name}: ${printable(run.error, WRONG)}`] : strays(run, runs),
  );
  // Names are no longer than they must be, and dates broken in two are no dates.
  const lines = table(header, rows, Number.POSITIVE_INFINITY);
  return [lines, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n');
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
