/** The rules about filter, reward and train: what breaks them, what they say, and what mends it. */
import type { LintContext } from '../../src/topology/rules/rule.ts';

export interface Case {
  readonly rule: string;
  readonly severity?: 'warning';
  /** Settings that break the rule. */
  readonly set?: readonly string[];
  readonly text?: string;
  readonly context?: LintContext;
  /** The path that is complained about, and a part of the message. */
  readonly path: string;
  readonly says: string;
  /** Other rules that speak too. */
  readonly also?: readonly string[];
  /** A change that mends it. */
  readonly mended?: { readonly set?: readonly string[]; readonly context?: LintContext };
}

export const LEARNING_CASES: readonly Case[] = [
  {
    rule: 'filter-window',
    set: ['stages.filter.window=9'],
    path: 'stages.filter.window',
    says: 'the filter holds 9 steps, but a trajectory of `sums` has up to 10',
    mended: { set: ['stages.filter.window=10'] },
  },
  {
    rule: 'train-window',
    set: ['stages.train={window: 104, batch: {subTrajectories: 32}, maxDropped: 64}'],
    path: 'stages.train.window',
    says: 'expected at least 105',
    mended: { set: ['stages.train={window: 105, batch: {subTrajectories: 32}, maxDropped: 64}'] },
  },
  {
    rule: 'train-window',
    set: ['stages.train={window: 140, batch: {trajectories: 8}, maxDropped: 64}'],
    path: 'stages.train.window',
    says: 'up to 80 steps',
    mended: { set: ['stages.train={window: 144, batch: {trajectories: 8}, maxDropped: 64}'] },
  },
  {
    rule: 'train-tasks',
    text: 'fed: [scored]\nstages:\n  train:\n',
    path: 'tasks',
    says: 'would refuse every record',
    mended: { set: ['tasks={math: {}}'] },
  },
  {
    rule: 'schedule-end',
    severity: 'warning',
    set: ['stages.train.schedule={kind: cosine, learningRate: 0.1, warmupSteps: 10, totalSteps: 10}'],
    path: 'stages.train.schedule.totalSteps',
    says: 'expected more than 10',
    mended: {
      set: ['stages.train.schedule={kind: cosine, learningRate: 0.1, warmupSteps: 10, totalSteps: 11}'],
    },
  },
  {
    rule: 'scored-partitions',
    set: ['topics.scored.partitions=2'],
    path: 'topics.scored.partitions',
    says: 'expected 1',
    mended: { set: ['topics.scored.partitions=2', 'stages.train=false'] },
  },
  {
    rule: 'recorded-logprobs',
    set: ['policy={kind: openai, model: m}', 'learner={}', 'stages.train.clipRatio={kind: clipped}'],
    path: 'stages.train.clipRatio',
    says: 'its actions have no logprobs',
    mended: {
      set: [
        'policy={kind: openai, model: m, recordTokens: {policy: "swirl:assets/base-policy"}}',
        'learner={}',
        'stages.train.clipRatio={kind: clipped}',
      ],
    },
  },
  {
    rule: 'recorded-tokenizer',
    set: [
      'policy={kind: openai, model: m, recordTokens: {policy: "swirl:test/fixtures/policy/made-words"}}',
      'learner={}',
    ],
    path: 'policy.recordTokens.policy',
    says: 'is not that of the learner',
    mended: {
      set: [
        'policy={kind: openai, model: m, recordTokens: {policy: "swirl:assets/base-policy"}}',
        'learner={}',
      ],
    },
  },
  {
    rule: 'recorded-logprobs',
    set: ['policy.temperature=0', 'stages.train.clipRatio={kind: truncated}'],
    path: 'stages.train.clipRatio',
    says: 'greedy',
    mended: { set: ['policy.temperature=0.5', 'stages.train.clipRatio={kind: truncated}'] },
  },
  {
    rule: 'unheld-advantages',
    severity: 'warning',
    set: ['stages.train.advantage=centered'],
    path: 'stages.train.advantage',
    says: 'the policy collapses',
    mended: { set: ['stages.train.advantage=centered', 'stages.train.beta=0.1'] },
  },
  {
    rule: 'unheld-advantages',
    severity: 'warning',
    set: ['reward={kind: constant, value: -1}'],
    path: 'reward.value',
    says: 'rewards below 0',
    mended: { set: ['reward={kind: constant, value: -1}', 'stages.train.clipRatio={kind: clipped}'] },
  },
  {
    rule: 'unheld-advantages',
    severity: 'warning',
    set: ['reward={kind: verdict, bad: -0.5}'],
    path: 'reward.bad',
    says: 'rewards below 0',
    mended: { set: ['reward={kind: verdict, bad: -0.5}', 'stages.train.beta=0.1'] },
  },
  {
    rule: 'unheld-advantages',
    severity: 'warning',
    set: ['reward={kind: openai, model: m, min: -1}'],
    path: 'reward.min',
    says: 'rewards below 0',
  },
  {
    rule: 'reward-range',
    set: ['reward={kind: openai, model: m, min: 1}'],
    path: 'reward.min',
    says: 'the least reward, 1, is not below the greatest, 1',
    mended: { set: ['reward={kind: openai, model: m, min: 0}'] },
  },
  {
    rule: 'unknown-reward',
    severity: 'warning',
    set: ['reward={kind: verdict}', 'stages.filter.mode=none'],
    path: 'reward.unknown',
    says: 'has no number for them',
    mended: { set: ['reward={kind: verdict}', 'stages.filter.mode=process'] },
  },
];
