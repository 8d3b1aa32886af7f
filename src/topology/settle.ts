/** Settles what a topology leaves to Swirl, so that the one kept with the run says what was done. */
import { instructionsFor } from './task-instructions.ts';
import { splitTopics } from './topic-configs.ts';
import type { TaskConfig, Topology, WrittenTopology } from './topology.ts';

/** Decides `auto`, writes out the instructions of tasks that have none of their own, and tells what is Swirl's from what is added. */
export function settle(written: WrittenTopology): Topology {
  const { rollout } = written.stages;
  const tasks = Object.entries(written.tasks).map(([name, task]): [string, TaskConfig] => [
    name,
    { ...task, instructions: task.instructions ?? instructionsFor(task, written.tools) },
  ]);
  const topology = { ...written, ...splitTopics(written.topics), tasks: Object.fromEntries(tasks) };
  if (rollout?.merge !== 'auto') return topology;
  const { policy, transport } = written;
  // On Kafka the stages may be anywhere.
  const alone = policy.kind === 'local' && rollout.follow === null && transport.kind === 'embedded';
  const merge = alone ? 'deterministic' : 'arrival';
  return { ...topology, stages: { ...written.stages, rollout: { ...rollout, merge } } };
}
