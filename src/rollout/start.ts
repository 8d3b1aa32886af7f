/** The stage `start`: a question becomes its rollouts' first turns. */

import type { Task } from '../agent/model.ts';
import { taskOf } from '../agent/turn.ts';
import type { Sleep } from '../clock.ts';
import { DataError } from '../errors.ts';
import { perRecord } from '../runtime/per-record.ts';
import type { RetryConfig } from '../runtime/retry.ts';
import type { Emission, StageOperator } from '../runtime/stage.ts';
import type { Question } from '../topics/records.generated.ts';
import type { StartConfig } from './config.ts';

export interface StartDeps {
  readonly tasks: ReadonlyMap<string, Task>;
  readonly retry: RetryConfig;
  readonly sleep: Sleep;
}

/** Each question gives `rollouts` turns without history. A question of an unknown task is a failure. */
export function start(config: StartConfig, { tasks, retry, sleep }: StartDeps): StageOperator<Question> {
  const turnsOf = async (question: Question): Promise<Emission[]> => {
    if (question.id === '' || question.id.includes('/')) {
      throw new DataError(`question id ${JSON.stringify(question.id)}: expected some text without '/'`);
    }
    taskOf({ id: question.id, question }, tasks);
    return Array.from({ length: config.rollouts }, (_, rollout) => {
      const trajectory = `${question.id}/${rollout}`;
      return {
        topic: 'turns',
        key: trajectory,
        value: { id: `${trajectory}/0`, trajectory, question, steps: [] },
      };
    });
  };
  return perRecord(turnsOf, { stage: 'start', retry, sleep });
}
