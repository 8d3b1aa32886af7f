/** What became of the verdicts in a replay that took some of them from another run. */
import type { OpenRun } from '../open-run.ts';
import type { VerdictLabel } from '../topics/records.generated.ts';

export interface KeptVerdicts {
  /** The run that they were taken from. */
  readonly from: string;
  readonly kept: number;
  /** How many were judged again: by what they were (null: they had none) and what they are now. */
  readonly again: readonly {
    readonly was: VerdictLabel | null;
    readonly is: VerdictLabel;
    readonly count: number;
  }[];
}

/** Null where the run is no such replay. Of a step that was judged twice the newest verdict counts. */
export async function keptVerdicts(run: Pick<OpenRun, 'read' | 'topology'>): Promise<KeptVerdicts | null> {
  const verdicts = run.topology.source?.verdicts;
  if (verdicts === undefined || run.topology.stages.judge === undefined) return null;
  const { run: from, again: labels } = verdicts;
  const before = new Map<string, VerdictLabel>();
  for await (const { id, verdict } of run.read('judged', { run: from })) before.set(id, verdict.label);
  let kept = 0;
  const counts = new Map<string, KeptVerdicts['again'][number]>();
  for await (const { id, verdict } of run.read('judged')) {
    const was = before.get(id) ?? null;
    if (was !== null && !labels.includes(was)) {
      kept++;
      continue;
    }
    const key = `${was} ${verdict.label}`;
    counts.set(key, { was, is: verdict.label, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return { from, kept, again: [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, count]) => count) };
}
