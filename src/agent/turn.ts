/** How a rollout goes on: what `rollout` and `tools` share. */
import { DataError } from '../errors.ts';
import type { Question, Step, Turn } from '../topics/records.generated.ts';
import type { Task } from './model.ts';

/** The turn after a step, named after its trajectory and its index. */
export function nextTurn(turn: Turn, step: Step): Turn {
  const steps = [...turn.steps, step];
  return { ...turn, id: `${turn.trajectory}/${steps.length}`, steps };
}

/** The task of a record's question. Throws `DataError` where the topology has none of that name. */
export function taskOf(
  record: { readonly id: string; readonly question: Question },
  tasks: ReadonlyMap<string, Task>,
): Task {
  const task = tasks.get(record.question.task);
  if (task) return task;
  const known = [...tasks.keys()].join(', ');
  throw new DataError(
    `${record.id} is of the task ${JSON.stringify(record.question.task)}; the topology has: ${known}`,
  );
}
