/** A stage as `start`: of each question it makes a turn, whose key the question's id is a part of. */
import { perRecord } from '../../../src/runtime/per-record.ts';
import type { Emission, Stage } from '../../../src/runtime/stage.ts';
import type { Question } from '../../../src/topics/records.generated.ts';

const start = perRecord<Question>(
  async (asked) => {
    const trajectory = `${asked.id}/0`;
    const value = { id: `${trajectory}/0`, trajectory, question: asked, steps: [] };
    const turn: Emission = { topic: 'turns', key: trajectory, value };
    return [turn];
  },
  { stage: 'start', retry: { attempts: 1, backoffMs: 1, maxBackoffMs: 1 }, sleep: async () => {} },
);

export const startStage = {
  ...{ name: 'start', reads: 'questions', writes: ['turns'], window: 64 },
  operator: () => start,
} as unknown as Stage;
