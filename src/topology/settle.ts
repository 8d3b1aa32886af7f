/** Settles what a topology leaves to Swirl, so that the one kept with the run says what was done. */
import { defaultInstructions } from '../agent/prompt.ts';
import { splitTopics } from './topic-configs.ts';
import type { TaskConfig, Topology, WrittenTopology } from './topology.ts';

/** Decides `auto`, writes out the instructions of tasks that have none of their own, and tells what is Swirl's from what is added. */
export function settle(written: WrittenTopology): Topology {
  const { rollout } = written.stages;
  const tasks = Object.entries(written.tasks).map(([name, task]): [string, TaskConfig] => [
    name,
    { ...task, instructions: task.instructions ?? instructionsFor(task, written) },
  ]);
  const topology = { ...written, ...splitTopics(written.topics), tasks: Object.fromEntries(tasks) };
  if (rollout?.merge !== 'auto') return topology;
  const { policy, transport } = written;
  // On Kafka the stages may be anywhere.
  const alone = policy.kind === 'local' && rollout.follow === null && transport.kind === 'embedded';
  const merge = alone ? 'deterministic' : 'arrival';
  return { ...topology, stages: { ...written.stages, rollout: { ...rollout, merge } } };
}

/** Swirl's own instructions are for one tool: those of two would contradict each other. */
function instructionsFor(
  { tools, maxSteps }: WrittenTopology['tasks'][string],
  written: WrittenTopology,
): string {
  const [name] = tools;
  const tool = name === undefined ? undefined : written.tools[name];
  if (tool === undefined || tools.length > 1) return '';
  const { tag, kind } = tool;
  if (kind !== 'search' && kind !== 'calculator') return '';
  return defaultInstructions(kind === 'search' ? 'search' : 'math', { tag, maxSteps });
}
