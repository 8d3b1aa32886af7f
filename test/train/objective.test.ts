import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { normalizer, type ObjectiveConfig, type TokenTerms, tokenLoss } from '../../src/train/objective.ts';

test('the normalizer counts sub-trajectories or action tokens of the whole batch', () => {
  const batch = { subTrajectories: 3, actionTokens: 17 };
  expect(normalizer('sub-trajectories', batch)).toBe(3);
  expect(normalizer('action-tokens', batch)).toBe(17);
});

describe('tokenLoss', () => {
  const terms = fc.record<TokenTerms>({
    advantage: fc.double({ min: -3, max: 3, noNaN: true }),
    logprob: fc.double({ min: -6, max: -0.01, noNaN: true }),
    initial: fc.double({ min: -6, max: -0.01, noNaN: true }),
    recorded: fc.double({ min: -6, max: -0.01, noNaN: true }),
  });

  test('without KL and ratio: -A log pi, with advantage A', () => {
    const token = tokenLoss(
      { advantage: -0.5, logprob: -2, initial: 0, recorded: 0 },
      { beta: 0, clipRatio: null },
    );
    expect(token).toMatchObject({ loss: -1, advantage: -0.5, kl: 0 });
  });

  test('KL is never negative, and 0 where the policy is the initial one', () => {
    fc.assert(
      fc.property(terms, (t) => {
        const config = { beta: 0.3, clipRatio: null };
        expect(tokenLoss(t, config).kl).toBeGreaterThanOrEqual(0);
        expect(tokenLoss({ ...t, initial: t.logprob }, config).kl).toBe(0);
      }),
    );
  });

  test.each<[string, ObjectiveConfig]>([
    ['plain', { beta: 0, clipRatio: null }],
    ['with KL', { beta: 0.7, clipRatio: null }],
    ['clipped', { beta: 0, clipRatio: { kind: 'clipped', epsilon: 0.2 } }],
    ['clipped with KL', { beta: 0.1, clipRatio: { kind: 'clipped', epsilon: 0.3 } }],
  ])('%s: the weight is minus the slope of the loss, by central differences', (_, config) => {
    const h = 1e-6;
    fc.assert(
      fc.property(terms, (t) => {
        const ratio = Math.exp(t.logprob - t.recorded);
        const epsilon = config.clipRatio?.kind === 'clipped' ? config.clipRatio.epsilon : 0;
        // The clipped objective has no slope at its two kinks.
        fc.pre(Math.abs(ratio - 1 - epsilon) > 1e-3 && Math.abs(ratio - 1 + epsilon) > 1e-3);
        const at = (logprob: number) => tokenLoss({ ...t, logprob }, config).loss;
        const slope = (at(t.logprob + h) - at(t.logprob - h)) / (2 * h);
        expect(tokenLoss(t, config).advantage).toBeCloseTo(-slope, 4);
      }),
    );
  });

  test('truncated: the ratio weighs the advantage, up to its bound', () => {
    const config: ObjectiveConfig = { beta: 0, clipRatio: { kind: 'truncated', max: 2 } };
    const weight = (logprob: number) =>
      tokenLoss({ advantage: -1, logprob, recorded: -1, initial: 0 }, config).advantage;
    expect(weight(-1)).toBe(-1);
    expect(weight(-1 + Math.log(1.5))).toBeCloseTo(-1.5, 12);
    expect(weight(-0.01)).toBe(-2);
    expect(weight(-20)).toBeCloseTo(0, 7);
  });

  test('the KL estimate meets the exact KL of nearby distributions, and its slope the exact gradient', () => {
    const p = [0.5, 0.3, 0.2];
    const q = [0.48, 0.31, 0.21];
    const exact = p.reduce((sum, x, i) => sum + x * Math.log(x / (q[i] ?? 1)), 0);
    const config = { beta: 1, clipRatio: null };
    const tokens = p.map((x, i) =>
      tokenLoss({ advantage: 0, logprob: Math.log(x), initial: Math.log(q[i] ?? 1), recorded: 0 }, config),
    );
    const estimate = tokens.reduce((sum, token, i) => sum + (p[i] ?? 0) * token.kl, 0);
    expect(Math.abs(estimate - exact) / exact).toBeLessThan(0.05);
    // d KL / d logit_j of a softmax is p_j (log p_j/q_j - KL); the estimator's is sum_i p_i w_i d log p_i / d
    // logit_j.
    for (const [j, pj] of p.entries()) {
      const byTokens = tokens.reduce(
        (sum, token, i) => sum - (p[i] ?? 0) * token.advantage * ((i === j ? 1 : 0) - pj),
        0,
      );
      expect(byTokens).toBeCloseTo(pj * (Math.log(pj / (q[j] ?? 1)) - exact), 12);
    }
  });
});
