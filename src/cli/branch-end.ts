/** What a run of branches says at its end: what came of them beside what was recorded. */
import { type BranchOutcomes, branchOutcomes, type Compared, type Way } from '../evaluate/branch-outcomes.ts';
import type { Estimate } from '../evaluate/interval.ts';
import { matchesOf } from '../evaluate/matched-answers.ts';
import { holderOf, openRecordedChain, type RunChain } from '../lineage/run-chain.ts';
import { printable } from '../monitor/printable.ts';
import { openParts } from '../open-parts.ts';
import type { OpenRun } from '../open-run.ts';
import { readRecords } from '../topics/read-records.ts';
import type { Judged, SubTrajectory, Trajectory } from '../topics/records.generated.ts';
import { counted } from './count.ts';
import type { Conclusion } from './run-topology.ts';
import { table } from './table.ts';

/** Contexts that are listed; `--json` has all. */
const MOST_LISTED = 20;
const SHOWN = 40;

/** Reads both runs. The matcher is that of the run of branches. */
export async function branchEnd(run: OpenRun): Promise<Conclusion> {
  const { topology } = run;
  const { branch } = topology.stages;
  if (branch === undefined || branch.of === null) return { text: '', json: {}, exit: null };
  const notify = (message: string) => void process.stderr.write(`${message}\n`);
  const chain = await openRecordedChain({ folder: topology.folder, run: branch.of }, { notify });
  const parts = openParts(topology, { env: process.env, notify });
  try {
    const matcher = await parts.matcher();
    const { signal } = new AbortController();
    const matches = (trajectories: readonly Trajectory[]) =>
      matchesOf(trajectories, { matcher, signal, notify });
    const steps = readRecords(run, branch.reads) as AsyncIterable<SubTrajectory>;
    const outcomes = await branchOutcomes(steps, {
      recorded: {
        trajectories: ofChain<Trajectory>(chain, 'trajectories'),
        judged: ofChain<Judged>(chain, 'judged'),
        matches,
      },
      branched: {
        trajectories: readRecords(run, 'trajectories'),
        judged: readRecords(run, 'judged'),
        matches,
      },
    });
    return { text: `${outcomesText(outcomes, branch.of)}\n`, json: { branches: outcomes }, exit: null };
  } finally {
    await parts.close();
    await chain.close();
  }
}

async function* ofChain<R>(chain: RunChain, topic: string): AsyncGenerator<R> {
  const holder = holderOf(chain, topic);
  if (holder !== null) yield* readRecords(holder, topic) as AsyncIterable<R>;
}

function outcomesText({ contexts, right, verdict, good }: BranchOutcomes, of: string): string {
  const branches = contexts.reduce((sum, one) => sum + one.branches.length, 0);
  const measures = [
    ['right answers', right],
    ['step GOOD', verdict],
    ['all GOOD from there', good],
  ] as const;
  const rows = measures.flatMap(([name, one]) => (one === null ? [] : [measureRow(name, one)]));
  const listed = contexts
    .slice(0, MOST_LISTED)
    .map((context) => [
      printable(context.step, SHOWN),
      [context.recorded.verdict, answerText(context.recorded)].filter((word) => word !== null).join(', '),
      ofBranches(context.branches),
    ]);
  const more = contexts.length - listed.length;
  return [
    `${counted(branches, 'new rollout')} at ${counted(contexts.length, 'context')} of ${of}`,
    ...(rows.length === 0 ? [] : [table(['share', 'recorded', 'branches', 'difference'], rows).trimEnd()]),
    '',
    table(['before', 'recorded', 'branches'], listed).trimEnd(),
    ...(more > 0 ? [`and ${counted(more, 'more context')} (--json has all)`] : []),
  ].join('\n');
}

function measureRow(name: string, { recorded, branches, difference }: Compared): string[] {
  return [name, recorded.mean.toFixed(3), estimateText(branches), estimateText(difference, true)];
}

function estimateText({ mean, low, high }: Estimate, signed = false): string {
  const sign = signed && mean > 0 ? '+' : '';
  return `${sign}${mean.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
}

function answerText({ right }: Way): string | null {
  if (right === null) return null;
  return right ? 'right' : 'wrong';
}

function ofBranches(branches: readonly Way[]): string {
  const count = (is: (way: Way) => boolean) => branches.filter(is).length;
  const known = count(({ right }) => right !== null);
  const judged = count(({ verdict }) => verdict !== null);
  return [
    ...(known === 0 ? [] : [`${count(({ right }) => right === true)} of ${known} right`]),
    ...(judged === 0 ? [] : [`${count(({ verdict }) => verdict === 'GOOD')} of ${judged} GOOD`]),
  ].join(', ');
}
