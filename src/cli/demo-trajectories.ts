/** A few trajectories of a run with their verdicts and rewards, for people on a terminal. */
import pc from 'picocolors';
import { printable } from '../monitor/printable.ts';
import type { OpenRun } from '../open-run.ts';
import { arrayOf } from '../topics/read-records.ts';
import type { Judged, Trajectory } from '../topics/records.generated.ts';
import { hanging } from './screen.ts';

const COLUMNS = 80;
const INDENT = 2;
/** Widths of a verdict and of a reward. */
const LABEL = 'UNKNOWN'.length;
const REWARD = 'filtered out'.length;

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
    const mark = (label === 'GOOD' ? pc.green : pc.red)(label.padEnd(LABEL));
    const scored = pc.dim((reward === undefined ? 'filtered out' : `reward ${reward}`).padEnd(REWARD));
    const why = label === 'GOOD' ? [] : [printable(verdict?.rationale ?? '', 300)];
    const seen = observation === null ? [] : [`-> ${printable(observation.text, 150)}`];
    const text = printable(action.text, COLUMNS - INDENT - LABEL - REWARD - 2);
    return [
      `${' '.repeat(INDENT)}${mark} ${scored} ${text}`,
      ...[...why, ...seen].map((line) => pc.dim(below(line))),
    ];
  });
  const head = `${printable(id, 40)}  ${printable(question.text, 200)}`;
  return [pc.bold(hanging(head, { width: COLUMNS, indent: INDENT })), ...lines].join('\n');
}

/** Under a step's label. */
function below(line: string): string {
  const indent = INDENT + LABEL + 1;
  return `${' '.repeat(indent)}${hanging(line, { width: COLUMNS, indent })}`;
}
