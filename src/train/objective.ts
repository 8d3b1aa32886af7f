/**
 * The objective of a batch, over its action tokens t of sub-trajectories s:
 *
 *     L = 1/N * sum_s sum_t [ -surrogate(A(s), logpi_t) + beta * k_t ]
 *
 * N is counted over the whole optimizer batch, so that the cut into micro-batches does not matter. Everything
 * here runs on the CPU on logprobs; the engine is handed -dL/dlogpi of each token, its advantage.
 */
import type { UpdateConfig } from './config.ts';

export type ObjectiveConfig = Pick<UpdateConfig, 'beta' | 'clipRatio'>;

/** N of the objective. */
export function normalizer(
  kind: UpdateConfig['normalize'],
  batch: { readonly subTrajectories: number; readonly actionTokens: number },
): number {
  return kind === 'sub-trajectories' ? batch.subTrajectories : batch.actionTokens;
}

/** One action token. Logprobs are natural. */
export interface TokenTerms {
  /** Of its sub-trajectory. */
  readonly advantage: number;
  /** Under the policy now. */
  readonly logprob: number;
  /** Under the initial policy; read only when beta > 0. */
  readonly initial: number;
  /** As recorded when it was sampled; 0 where it was not. */
  readonly recorded: number;
}

export interface TokenLoss {
  /** The token's term of N * L. */
  readonly loss: number;
  /** -d(N * L)/dlogprob: the sub-trajectory's, after the ratio and the KL penalty. */
  readonly advantage: number;
  /** The KL estimate, 0 without beta. */
  readonly kl: number;
  /** pi(token) / recorded probability, and whether `clipRatio` cut it. */
  readonly ratio: number;
  readonly clipped: boolean;
}

/**
 * KL by k = (logpi - logref)^2 / 2 per token (k2 of Schulman, "Approximating KL divergence", 2020): its
 * derivative logpi - logref is, in expectation over the policy's own samples, the gradient of KL(pi ||
 * pi_ref), and it bounds the loss from below where a negative advantage would drive a token's probability to
 * 0.
 */
export function tokenLoss(terms: TokenTerms, config: ObjectiveConfig): TokenLoss {
  const ratio = Math.exp(terms.logprob - terms.recorded);
  const { surrogate, advantage, clipped } = surrogateOf(terms, ratio, config.clipRatio);
  if (config.beta === 0) return { loss: -surrogate, advantage, kl: 0, ratio, clipped };
  const away = terms.logprob - terms.initial;
  const kl = (away * away) / 2;
  return {
    loss: config.beta * kl - surrogate,
    advantage: advantage - config.beta * away,
    kl,
    ratio,
    clipped,
  };
}

/** The surrogate, and its derivative by the logprob. */
function surrogateOf(
  { advantage, logprob }: TokenTerms,
  ratio: number,
  clipRatio: ObjectiveConfig['clipRatio'],
): { readonly surrogate: number; readonly advantage: number; readonly clipped: boolean } {
  if (clipRatio === null) return { surrogate: advantage * logprob, advantage, clipped: false };
  if (clipRatio.kind === 'truncated') {
    const truncated = Math.min(ratio, clipRatio.max) * advantage;
    return { surrogate: truncated * logprob, advantage: truncated, clipped: ratio > clipRatio.max };
  }
  const clipped = Math.min(Math.max(ratio, 1 - clipRatio.epsilon), 1 + clipRatio.epsilon);
  const inside = ratio * advantage <= clipped * advantage;
  return {
    surrogate: inside ? ratio * advantage : clipped * advantage,
    advantage: inside ? ratio * advantage : 0,
    clipped: !inside,
  };
}
