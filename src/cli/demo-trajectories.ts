/** A few trajectories of a run with their verdicts and rewards, for people on a terminal. */
import pc from 'picocolors';
import { printable } from '../monitor/printable.ts';
import type { OpenRun } from '../open-run.ts';
import { arrayOf } from '../topics/read-records.ts';
import type { Judged, Trajectory } from '../topics/records.generated.ts';

/**
 * Of each task the first trajectory that was accepted and the first that was not. The policy's words are
 * hostile text.
 */
export async function showTrajectories(run: Pick<OpenRun, 'read'>): Promise<string> {
  const judged = new Map<string, Judged[]>();
  for await (const step of run.read('judged')) {
    const { trajectory } = step.subTrajectory;
    judged.set(trajectory, [...(judged.get(trajectory) ?? []), step]);
  }
  const rewards = new Map((await arrayOf(run.read('scored'))).map(({ id, reward }) => [id, reward.value]));
  const trajectories = await arrayOf(run.read('trajectories'));
  const tasks = [...new Set(trajectories.map(({ question }) => question.task))].sort();
  const chosen = tasks.flatMap((task) => {
    const mine = trajectories.filter(({ question }) => question.task === task);
    const isAccepted = ({ id }: Trajectory) => rewards.has(`${id}/0`);
    return [mine.find(isAccepted), mine.find((trajectory) => !isAccepted(trajectory))];
  });
  return chosen
    .flatMap((trajectory) => (trajectory ? [show(trajectory, judged.get(trajectory.id) ?? [], rewards)] : []))
    .join('\n\n');
}

function show(
  { id, question, steps }: Trajectory,
  judged: readonly Judged[],
  rewards: ReadonlyMap<string, number>,
): string {
  const verdicts = new Map(judged.map(({ subTrajectory, verdict }) => [subTrajectory.index, verdict]));
  const lines = steps.flatMap(({ action, observation }, index) => {
    const verdict = verdicts.get(index);
    const reward = rewards.get(`${id}/${index}`);
    const label = verdict?.label ?? 'UNKNOWN';
    const mark = label === 'GOOD' ? pc.green(label) : pc.red(label);
    const scored = reward === undefined ? 'filtered out' : `reward ${reward}`;
    const why = label === 'GOOD' ? '' : pc.dim(` ${printable(verdict?.rationale ?? '', 100)}`);
    return [
      `  ${printable(action.text, 70)}  ${mark} ${pc.dim(scored)}${why}`,
      ...(observation === null ? [] : [pc.dim(`    -> ${printable(observation.text, 100)}`)]),
    ];
  });
  return [`${pc.bold(printable(id, 40))}  ${printable(question.text, 120)}`, ...lines].join('\n');
}
