/** The rules about fresh actions and policies that follow: what breaks them, what they say, and what mends it. */
import type { Case } from './learning-rule-cases.ts';

const compared = ['stages.train.advantage=leave-one-out', 'stages.train.beta=0.1', 'reward={kind: judge}'];

export const RESAMPLE_CASES: readonly Case[] = [
  {
    rule: 'fresh-reward',
    set: ['stages.resample={}', ...compared, 'reward={kind: verdict}'],
    path: 'reward.kind',
    says: 'fresh actions have none: each would be a failure; expected `reward: { kind: judge }`',
    mended: { set: ['stages.resample={}', ...compared] },
  },
  {
    rule: 'leave-one-out',
    set: compared,
    path: 'stages.train.advantage',
    says: 'alone at its context has the advantage 0, so that nothing would be learned: add the stage `resample`',
    mended: { set: ['stages.resample={}', ...compared] },
  },
  {
    rule: 'leave-one-out',
    set: ['stages.resample={actions: 1}', ...compared],
    path: 'stages.resample.actions',
    says: 'expected at least 2 `actions`',
    mended: { set: ['stages.resample={actions: 2}', ...compared] },
  },
  {
    rule: 'equal-actions',
    set: ['stages.resample={}', ...compared, 'policy.temperature=0'],
    path: 'policy.temperature',
    says: '4 fresh actions at temperature 0 are the same action',
    mended: { set: ['stages.resample={}', ...compared, 'policy.temperature=0.5'] },
  },
  {
    rule: 'fresh-advantage',
    severity: 'warning',
    set: ['stages.resample={}', 'reward={kind: judge}'],
    path: 'stages.train.advantage',
    says: 'there are 4 fresh actions at each context, and nothing compares them',
    mended: { set: ['stages.resample={}', ...compared] },
  },
  {
    rule: 'follow-training',
    set: ['stages.resample.follow={}', ...compared, 'learner={checkpoint: here}'],
    path: 'stages.resample.follow',
    says: 'fresh actions can follow only a local `policy` that `train` itself trains',
    also: ['error idle-learner'],
    mended: { set: ['stages.resample.follow={}', ...compared] },
  },
  {
    rule: 'follow-ahead',
    set: ['stages.resample={maxAhead: 2000}', ...compared],
    path: 'stages.resample.maxAhead',
    says: 'add `follow: {}`, or take it out',
    mended: { set: ['stages.resample={follow: {}, maxAhead: 2000}', ...compared] },
  },
  {
    rule: 'follow-ahead',
    set: ['stages.resample={follow: {}, maxAhead: 1087}', ...compared],
    path: 'stages.resample.maxAhead',
    // Those of `reward` and `train`.
    says: 'hold up to 1088 records',
    mended: { set: ['stages.resample={follow: {}, maxAhead: 1088}', ...compared] },
  },
  {
    rule: 'unheld-advantages',
    severity: 'warning',
    set: ['stages.resample={}', ...compared, 'stages.train.beta=0'],
    path: 'stages.train.advantage',
    says: 'leave-one-out advantages are negative for some recorded actions',
    mended: { set: ['stages.resample.follow={}', ...compared, 'stages.train.beta=0'] },
  },
  {
    rule: 'nothing-to-learn',
    set: ['stages.resample={}', ...compared, 'reward={kind: constant}'],
    path: 'stages.train.advantage',
    says: 'a constant reward, centered, is always 0',
    mended: { set: ['stages.resample={}', ...compared] },
  },
  {
    rule: 'train-window',
    set: [
      'stages.resample={actions: 8}',
      ...compared,
      'stages.train.window=700',
      'stages.train.batch={trajectories: 8}',
    ],
    path: 'stages.train.window',
    says: 'up to 640 steps',
    mended: { set: ['stages.resample={actions: 8}', ...compared, 'stages.train.window=704'] },
  },
  {
    rule: 'two-readers',
    set: ['stages.resample={}', ...compared, 'stages.reward.reads=accepted'],
    path: 'stages.reward.reads',
    says: '`reward` reads `accepted`, which `resample` reads too',
    also: ['warning idle-topic'],
    mended: { set: ['stages.resample={}', ...compared, 'stages.reward.reads=resampled'] },
  },
  {
    rule: 'broken-turns',
    set: [
      'stages.start=false',
      'stages.branch={}',
      'fed=[contexts, trajectories]',
      'stages.rollout=false',
      'stages.tools=false',
    ],
    path: 'stages.branch',
    says: '`branch` begins rollouts, but there is no stage `rollout`',
    mended: { set: ['stages.start=false', 'stages.branch={}', 'fed=[contexts]'] },
  },
];
