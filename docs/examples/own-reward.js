/**
 * A reward of one's own, in JavaScript. A topology names it:
 * `reward: { kind: module, path: ./own-reward.js }`.
 *
 * A good step is worth the more the shorter it is. What this throws, or a number that is not finite, becomes
 * a failure and never a reward.
 *
 * @type {import('swirl-rl').RewardCall}
 */
export const shortAndGood = ({ subTrajectory, verdict }) => {
  const { length } = subTrajectory.action.text;
  if (verdict.label === 'BAD') return { value: 0, rationale: 'bad' };
  return { value: Math.max(0, 1 - length / 200), rationale: `${length} characters` };
};
