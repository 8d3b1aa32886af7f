/** What a replay says at its end: whether its updates are those of the run that it replays. */
import { compareUpdates, isWrong, type UpdatesComparison } from '../lineage/compare-updates.ts';
import { type KeptVerdicts, keptVerdicts } from '../lineage/kept-verdicts.ts';
import { printable } from '../monitor/printable.ts';
import type { OpenRun } from '../open-run.ts';
import { keptTopology } from '../topology/kept.ts';
import { counted } from './count.ts';
import { EXIT } from './exit.ts';
import type { Conclusion } from './run-topology.ts';
import { hanging, screenWidth } from './screen.ts';

/** Fields and changes that are named; `--json` has all. */
const MOST_NAMED = 6;
/** Of a value. */
const SHOWN = 60;

/** `old`: the name of the run that is replayed. */
export async function replayEnd(run: OpenRun, old: string): Promise<Conclusion> {
  const verdicts = await keptVerdicts(run);
  const comparison = await compareUpdates(run, keptTopology(run.topology.folder, old));
  const lines = [
    ...(verdicts === null ? [] : [verdictsText(verdicts)]),
    ...(comparison === null ? [] : comparisonText(comparison)),
  ];
  return {
    text: lines
      .map((line) => `${hanging(printable(line, 2000), { width: screenWidth(), indent: 2 })}\n`)
      .join(''),
    json: { ...(verdicts === null ? {} : { verdicts }), updates: comparison },
    exit: comparison !== null && isWrong(comparison) ? EXIT.differs : null,
  };
}

function verdictsText({ from, kept, again }: KeptVerdicts): string {
  const judged = again.reduce((sum, { count }) => sum + count, 0);
  const each = again.map(({ was, is, count }) => `${count} ${was ?? 'without one'} -> ${is}`);
  const which = each.length === 0 ? '' : ` (${each.join(', ')})`;
  return `verdicts: ${kept} kept of ${from}, ${judged} judged again${which}`;
}

function comparisonText(comparison: UpdatesComparison): string[] {
  const { with: old, updates, weightsHash, first, changed, mayDiffer, reasons } = comparison;
  const [was, is] = updates;
  const lines = changed.map(
    (one) => `changed from ${old}: ${one.path}: ${shown(one.was)} -> ${shown(one.is)}`,
  );
  if (lines.length > MOST_NAMED)
    lines.splice(MOST_NAMED, lines.length, `and ${changed.length - MOST_NAMED} more`);
  if (first === null) {
    const weights = weightsHash === null ? '' : `, weights ${weightsHash.slice(0, 12)}`;
    const further = is > was ? `; ${old} had not gone further` : '';
    lines.push(`compared with ${old}: the same ${counted(was, 'update')}${weights}${further}`);
    return lines;
  }
  const fields = first.fields
    .slice(0, MOST_NAMED)
    .map((field) => `${field.path} ${shown(field.was)} -> ${shown(field.is)}`);
  lines.push(
    first.fields.length === 0
      ? `compared with ${old}: the same ${counted(is, 'update')}, and ${was - is} more there`
      : `compared with ${old}: the updates differ, ${was} there and ${is} here: ${first.id} is the first (${fields.join(', ')})`,
    ...(isWrong(comparison) ? ['nothing was changed, so they had to be the same'] : []),
    ...reasons.map((reason) => `likely: ${reason}`),
    ...(changed.length === 0 ? mayDiffer.map((reason) => `may be why: ${reason}`) : []),
  );
  return lines;
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return 'none';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  // A hash is told by its beginning.
  if (/^[0-9a-f]{64}$/.test(text)) return text.slice(0, 12);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
