/** Rules about fresh actions at recorded contexts, and about policies that follow their training. */
import { aheadOf } from '../ahead.ts';
import { error, type Rule, warning } from './rule.ts';

export const followTraining: Rule = {
  name: 'follow-training',
  about:
    '`rollout.follow` and `resample.follow` go with `train` and a local policy, which is itself what is trained; that of `rollout` with `merge: arrival`.',
  check: ({ stages, policy, learner }) =>
    (['rollout', 'resample'] as const).flatMap((name) => {
      if (!stages[name]?.follow) return [];
      const path = ['stages', name, 'follow'];
      if (stages.train === undefined || policy.kind !== 'local' || learner !== null) {
        const who = { rollout: 'rollouts', resample: 'fresh actions' }[name];
        return [
          error(
            path,
            `${who} can follow only a local \`policy\` that \`train\` itself trains (workers without it list \`train\` too, and run with \`--stages\`): add \`train\`, take \`learner\` out, or take \`follow\` out`,
          ),
        ];
      }
      if (name === 'resample' || stages.rollout?.merge !== 'deterministic') return [];
      const message =
        'rollouts that follow the training depend on when updates arrive: expected `merge: arrival`, or take `follow` out';
      return [error(path, message)];
    }),
};

export const followAhead: Rule = {
  name: 'follow-ahead',
  about: '`resample.maxAhead` goes with `follow`, and lets the stages after it fill their windows.',
  check: (topology) => {
    const { resample } = topology.stages;
    if (resample === undefined || resample.maxAhead === null) return [];
    const path = ['stages', 'resample', 'maxAhead'];
    if (!resample.follow)
      return [
        error(
          path,
          'it bounds how far ahead of the training actions are drawn that `follow` it: add `follow: {}`, or take it out',
        ),
      ];
    const held = aheadOf(topology)?.held ?? 0;
    if (resample.maxAhead >= held) return [];
    return [
      error(
        path,
        `the windows of the stages after \`resample\` hold up to ${held} records, and \`train\` might wait for more than ${resample.maxAhead} for ever: expected at least ${held}, or smaller windows (\`train.window\`)`,
      ),
    ];
  },
};

export const freshReward: Rule = {
  name: 'fresh-reward',
  about: 'With `resample` the reward needs no verdict: fresh actions have none.',
  check: ({ stages, reward }) =>
    stages.resample === undefined || stages.reward === undefined || reward.kind !== 'verdict'
      ? []
      : [
          error(
            ['reward', 'kind'],
            'the reward `verdict` reads verdicts, and fresh actions have none: each would be a failure; expected `reward: { kind: judge }`, which asks the judge about each of them, or another that looks at the action itself',
          ),
        ],
};

export const leaveOneOut: Rule = {
  name: 'leave-one-out',
  about: 'The advantage `leave-one-out` has several actions at each context: those of `resample`.',
  check: ({ stages, fed }) => {
    const { train, resample, reward } = stages;
    if (train?.advantage !== 'leave-one-out') return [];
    const path = ['stages', 'train', 'advantage'];
    const why =
      'an action that is alone at its context has the advantage 0, so that nothing would be learned';
    if (resample?.actions === 1) {
      return [error(['stages', 'resample', 'actions'], `${why}: expected at least 2 \`actions\``)];
    }
    if (resample !== undefined || reward?.reads !== 'accepted' || fed.includes('accepted')) return [];
    return [error(path, `${why}: add the stage \`resample\`, or take another \`advantage\``)];
  },
};

export const equalActions: Rule = {
  name: 'equal-actions',
  about: 'Fresh actions at one context differ only above temperature 0.',
  check: ({ stages, policy }) =>
    stages.resample === undefined || stages.resample.actions === 1 || policy.temperature !== 0
      ? []
      : [
          error(
            ['policy', 'temperature'],
            `${stages.resample.actions} fresh actions at temperature 0 are the same action: sample at a temperature above 0, or draw one (\`stages.resample.actions\`)`,
          ),
        ],
};

export const freshAdvantage: Rule = {
  name: 'fresh-advantage',
  about: 'The fresh actions of `resample` are compared with each other: by `leave-one-out`, or a module.',
  check: ({ stages }) => {
    const { train, resample } = stages;
    if (train?.advantage !== 'reward' || resample === undefined || resample.actions === 1) return [];
    return [
      warning(
        ['stages', 'train', 'advantage'],
        `there are ${resample.actions} fresh actions at each context, and nothing compares them: expected \`advantage: leave-one-out\``,
      ),
    ];
  },
};
