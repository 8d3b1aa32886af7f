/** The laboratory's two tasks and their tools, as a topology gives them. */
import type { ToolTag } from '../agent/action.ts';
import type { Task } from '../agent/model.ts';

/** No instructions: a question of a dozen words says all that the small policy can take in. */
export const labTasks = {
  search: { name: 'search', instructions: '', tools: ['search'], maxSteps: 5 },
  math: { name: 'math', instructions: '', tools: ['calculator'], maxSteps: 5 },
} as const satisfies Record<string, Task>;

export type LabTask = keyof typeof labTasks;

export const labTools = {
  search: { name: 'search', tag: 'search_query' },
  math: { name: 'calculator', tag: 'math_exp' },
} as const satisfies Record<LabTask, ToolTag>;
