/** The trajectories that an id names, each whole: from the run, and from those that it replays. */
import { ConfigError } from '../errors.ts';
import type { Found } from '../lineage/find.ts';
import type { RunChain } from '../lineage/run-chain.ts';
import { type TracedTrajectory, trace } from '../lineage/trace.ts';
import { sampledAt } from '../topics/record-names.ts';
import type { Accepted, Judged, Scored, Trajectory, Turn } from '../topics/records.generated.ts';
import { redactOf } from '../watch/shown-text.ts';
import { TokenPieces } from '../watch/token-pieces.ts';
import { type TrajectoryView, viewOf } from '../watch/trajectory-view.ts';

export interface Shown {
  readonly views: readonly TrajectoryView[];
  /** Records of these that failed. */
  readonly failures: readonly Found[];
}

/**
 * Of a step's id that step alone. A trajectory that goes on is shown as far as it is. Throws a `ConfigError`
 * where nothing of it is there.
 */
export async function shownOf(
  chain: RunChain,
  id: string,
  options: { readonly signal?: AbortSignal },
): Promise<Shown> {
  if (id.startsWith('update/'))
    throw new ConfigError(
      `expected a question, trajectory or step, found ${id}: \`swirl trace\` shows updates`,
    );
  const { trajectories, failures } = await trace(chain, id, options);
  const [run] = chain.runs;
  if (run === undefined) return { views: [], failures };
  const redact = redactOf(run.topology, process.env);
  const pieces = new TokenPieces(run.topology);
  const views: TrajectoryView[] = [];
  for (const traced of trajectories) {
    const record = recordOf(traced);
    if (record === null) continue;
    const { topology } = run;
    const accepted = traced.steps.some(({ records }) => records.some(({ topic }) => topic === 'accepted'));
    const view = await viewOf(record, {
      topology,
      redact,
      pieces,
      accepted,
      saidOf: saidIn(traced, topology.run),
    });
    const index = stepOf(sampledAt(id) ?? id);
    views.push(index === null ? view : { ...view, steps: view.steps.filter((step) => step.index === index) });
  }
  if (views.length === 0 && failures.length === 0)
    throw new ConfigError(`${id}: no trajectory was begun: \`swirl trace ${id}\` shows what there is`);
  return { views, failures };
}

/** The finished trajectory, or the last turn of it. */
function recordOf({ records, steps }: TracedTrajectory) {
  const all = [...records, ...steps.flatMap((step) => step.records)];
  const [finished] = recordsIn<Trajectory>(all, 'trajectories');
  if (finished !== undefined) return finished;
  const turns = recordsIn<Turn>(all, 'turns');
  const last = turns.reduce<Turn | null>(
    (longest, turn) => (turn.steps.length >= (longest?.steps.length ?? 0) ? turn : longest),
    null,
  );
  if (last !== null) return { ...last, id: last.trajectory, end: null, answer: null };
  // A run that was fed steps has neither.
  const contexts = recordsIn<Accepted | Judged | Scored>(all, 'judged', 'accepted', 'scored');
  const [longest] = contexts.map(({ subTrajectory }) => subTrajectory).sort((a, b) => b.index - a.index);
  if (longest === undefined) return null;
  const { trajectory, question, context, action } = longest;
  return {
    ...{ id: trajectory, question, end: null, answer: null },
    steps: [...context, { action, observation: null }],
  };
}

function recordsIn<T>(found: readonly Found[], ...topics: readonly string[]): T[] {
  return found.flatMap(({ topic, record }) =>
    topics.includes(topic) && record !== null ? [record as unknown as T] : [],
  );
}

/** The updates are the run's own; those of the one that it replays where it made none. */
function saidIn({ steps }: TracedTrajectory, run: string) {
  return (index: number) => {
    const step = steps.find((one) => stepOf(one.id) === index);
    const records = step?.records ?? [];
    const [judged] = recordsIn<Judged>(records, 'judged', 'accepted', 'scored');
    const [scored] = recordsIn<Scored>(records, 'scored');
    const made = step?.updates ?? [];
    const own = made.filter((one) => one.run === run);
    const updates = (own.length > 0 ? own : made).map(({ update }) => update);
    return { verdict: judged?.verdict, reward: scored?.reward, updates };
  };
}

/** The index in a step's id; null for that of a question or a trajectory. */
function stepOf(id: string): number | null {
  const [, , index] = id.split('/');
  return index === undefined ? null : Number(index);
}
