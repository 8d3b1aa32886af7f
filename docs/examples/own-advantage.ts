/**
 * An advantage of one's own, the reward minus the mean of all rewards for the same question:
 * `stages: { train: { advantage: { kind: module, path: ./own-advantage.ts }, beta: 0.05 } }`.
 *
 * It may depend on nothing but the batch: the weights are a function of the topic `scored`.
 */
import type { AdvantageCall } from 'swirl-rl';

const advantages: AdvantageCall = (batch) => {
  const groups = new Map<string, number[]>();
  for (const { reward, subTrajectory } of batch) {
    const { id } = subTrajectory.question;
    groups.set(id, [...(groups.get(id) ?? []), reward]);
  }
  return batch.map(({ reward, subTrajectory }) => {
    const group = groups.get(subTrajectory.question.id) ?? [];
    return reward - group.reduce((sum, other) => sum + other, 0) / group.length;
  });
};

export default advantages;
