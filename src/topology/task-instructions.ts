/** Swirl's own instructions for tasks that have none of their own. */
import { defaultInstructions } from '../agent/prompt.ts';
import type { WrittenTopology } from './topology.ts';

/**
 * For a task with one search tool or calculator, and for one without tools; '' for others, as those of two tools would
 * contradict each other.
 */
export function instructionsFor(
  { tools, maxSteps }: Pick<WrittenTopology['tasks'][string], 'tools' | 'maxSteps'>,
  all: WrittenTopology['tools'],
): string {
  const [name] = tools;
  if (name === undefined) return defaultInstructions('answer', { maxSteps });
  const tool = all[name];
  if (tool === undefined || tools.length > 1) return '';
  const { tag, kind } = tool;
  if (kind !== 'search' && kind !== 'calculator') return '';
  return defaultInstructions(kind === 'search' ? 'search' : 'math', { tag, maxSteps });
}
