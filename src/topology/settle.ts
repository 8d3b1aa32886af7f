/** Settles what a topology leaves to Swirl, so that the one kept with the run says what was done. */
import { splitStages } from './stage-configs.ts';
import { splitTopics } from './topic-configs.ts';
import type { Topology, WrittenTopology } from './topology.ts';

/** Decides `auto`, and tells what is Swirl's from what is added. */
export function settle(written: WrittenTopology): Topology {
  const topology = { ...written, ...splitStages(written.stages), ...splitTopics(written.topics) };
  const { rollout } = topology.stages;
  if (rollout?.merge !== 'auto') return topology;
  const { policy, transport } = written;
  // On Kafka the stages may be anywhere.
  const alone = policy.kind === 'local' && rollout.follow === null && transport.kind === 'embedded';
  const merge = alone ? 'deterministic' : 'arrival';
  return { ...topology, stages: { ...topology.stages, rollout: { ...rollout, merge } } };
}
