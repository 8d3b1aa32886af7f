/** Rules about filter and train: what they hold, and what would teach nothing or the wrong thing. */
import { sameTokenizer } from '../../tokenizer/same-tokenizer.ts';
import { mayCollapse } from '../../train/config.ts';
import { stagesBefore, topicSpecs } from '../flow.ts';
import type { Topology } from '../topology.ts';
import { error, type Rule, type RuleFinding, warning } from './rule.ts';

/** The largest number of actions that a trajectory can have. */
function longestTrajectory(topology: Topology): { readonly task: string; readonly steps: number } | null {
  let longest: { task: string; steps: number } | null = null;
  for (const [task, { maxSteps }] of Object.entries(topology.tasks)) {
    if (longest === null || maxSteps > longest.steps) longest = { task, steps: maxSteps };
  }
  return longest;
}

export const filterWindow: Rule = {
  name: 'filter-window',
  about:
    "The filter's window holds every step of a trajectory; it commits no further than its oldest incomplete one.",
  check: (topology) => {
    const longest = longestTrajectory(topology);
    const filter = topology.stages.filter;
    if (filter === undefined || longest === null || filter.window >= longest.steps) return [];
    return [
      error(
        ['stages', 'filter', 'window'],
        `the filter holds ${filter.window} steps, but a trajectory of \`${longest.task}\` has up to ${longest.steps}: such a trajectory could never be complete and would fail; expected at least ${longest.steps}`,
      ),
    ];
  },
};

export const trainWindow: Rule = {
  name: 'train-window',
  about: "Train's window holds a whole batch.",
  check: (topology) => {
    const train = topology.stages.train;
    const longest = longestTrajectory(topology);
    if (train === undefined) return [];
    const steps = longest?.steps ?? 1;
    const actions = topology.stages.resample?.actions;
    // What fills a batch is taken whole, be it a trajectory or the fresh actions at a context, and used or
    // refused steps are held with it.
    const trained =
      'subTrajectories' in train.batch
        ? train.batch.subTrajectories + (actions ?? steps) - 1
        : train.batch.trajectories * steps * (actions ?? 1);
    const needed = trained + train.maxDropped;
    if (train.window >= needed) return [];
    return [
      error(
        ['stages', 'train', 'window'],
        `train holds ${train.window} records, but a batch can hold up to ${trained} steps and ${train.maxDropped} dropped ones (\`maxDropped\`): it might never fill; expected at least ${needed}`,
      ),
    ];
  },
};

export const trainTasks: Rule = {
  name: 'train-tasks',
  about: 'With `train` there is at least one task: steps are rendered with the instructions of their task.',
  check: ({ stages, tasks }) => {
    if (stages.train === undefined || stages.start !== undefined || stages.rollout !== undefined) return [];
    if (Object.keys(tasks).length > 0) return [];
    return [
      error(
        ['tasks'],
        "there is no task: `train` renders a step with the instructions of its question's `task`, and would refuse every record; expected such as `tasks: { math: { instructions: '' } }`",
      ),
    ];
  },
};

export const scoredPartitions: Rule = {
  name: 'scored-partitions',
  about: 'With `train`, `scored` has one partition: the updates are made in its order.',
  check: (topology) => {
    const { partitions } = topology.topics.scored;
    if (topology.stages.train === undefined || partitions === 1) return [];
    return [
      error(
        ['topics', 'scored', 'partitions'],
        `\`scored\` has ${partitions} partitions: expected 1, since the weights are a function of one order of its records`,
      ),
    ];
  },
};

export const scheduleEnd: Rule = {
  name: 'schedule-end',
  about: 'A decaying learning rate ends after its warm-up.',
  check: ({ stages }) => {
    const schedule = stages.train?.schedule;
    if (schedule === undefined || schedule.kind === 'constant') return [];
    const { totalSteps, warmupSteps } = schedule;
    if (totalSteps > warmupSteps) return [];
    return [
      warning(
        ['stages', 'train', 'schedule', 'totalSteps'],
        `the decay ends at update ${totalSteps}, and the warm-up only at ${warmupSteps}: from there the learning rate is \`finalLearningRate\`; expected more than ${warmupSteps}`,
      ),
    ];
  },
};

export const heldAdvantages: Rule = {
  name: 'unheld-advantages',
  about:
    'Negative advantages on recorded actions are held by KL (`beta`) or a clipped ratio (`clipRatio`); without, the policy collapses.',
  check: (topology) => {
    const train = topology.stages.train;
    if (train === undefined || train.beta > 0 || train.clipRatio !== null) return [];
    // Fresh actions of the policy that is trained are as likely as it makes them.
    if (topology.stages.resample?.follow) return [];
    const why =
      'the objective has no lower bound once those actions are no longer likely, and the policy collapses (in an experiment accuracy fell from 0.53 to 0)';
    if (mayCollapse(train)) {
      const path = ['stages', 'train', 'advantage'];
      const follow = topology.stages.resample === undefined ? '' : ', or `stages.resample.follow`';
      return [
        warning(
          path,
          `${String(train.advantage)} advantages are negative for some recorded actions: ${why}; set \`beta\` above 0, or \`clipRatio\`${follow}`,
        ),
      ];
    }
    const least = leastReward(topology.reward);
    if (least === null || least.value >= 0 || topology.stages.reward === undefined) return [];
    return [
      warning(
        ['reward', least.key],
        `rewards below 0 on recorded actions: ${why}; set \`beta\` above 0, or \`clipRatio\``,
      ),
    ];
  },
};

export const recordedLogprobs: Rule = {
  name: 'recorded-logprobs',
  about: '`clipRatio` needs actions whose logprobs are recorded: sampled, and not greedily.',
  check: ({ stages, policy }) => {
    const { train, rollout, resample } = stages;
    if (!train || train.clipRatio === null || (rollout ?? resample) === undefined) return [];
    const path = ['stages', 'train', 'clipRatio'];
    if (policy.kind === 'openai' && policy.recordTokens === null) {
      const why = `the policy ${policy.model} is behind an endpoint, and its actions have no logprobs`;
      return [
        error(
          path,
          `${why}: every step would be refused; set \`policy.recordTokens\`, or hold with \`beta\``,
        ),
      ];
    }
    if (policy.temperature !== 0) return [];
    const why = 'greedy actions (`policy.temperature: 0`) have no ratio';
    return [error(path, `${why}: every step would be refused; sample at a temperature above 0`)];
  },
};

export const recordedTokenizer: Rule = {
  name: 'recorded-tokenizer',
  about:
    "`policy.recordTokens` names a policy with the learner's tokenizer: its ids are trained on as they are.",
  check: ({ stages, policy, learner }) => {
    if (policy.kind !== 'openai' || policy.recordTokens === null || !stages.train || learner === null)
      return [];
    if (sameTokenizer(policy.recordTokens.policy, learner.checkpoint) !== false) return [];
    return [
      error(
        ['policy', 'recordTokens', 'policy'],
        `the tokenizer of ${policy.recordTokens.policy} is not that of the learner, ${learner.checkpoint}: recorded token ` +
          'ids would mean other texts; expected the same tokenizer.json, or no `recordTokens`',
      ),
    ];
  },
};

/** The smallest reward that a reward model gives, and the key that says so; null where it has no such key. */
function leastReward(reward: Topology['reward']): { readonly key: string; readonly value: number } | null {
  switch (reward.kind) {
    case 'constant':
      return { key: 'value', value: reward.value };
    case 'rules':
    case 'judge':
    case 'verdict': {
      const values = { good: reward.good, bad: reward.bad, unknown: reward.unknown ?? 0 };
      const [least] = Object.entries(values).sort(([, a], [, b]) => a - b);
      return least === undefined ? null : { key: least[0], value: least[1] };
    }
    case 'openai':
    case 'local':
      return { key: 'min', value: reward.min };
    case 'module':
      return null;
  }
}

export const nothingToLearn: Rule = {
  name: 'nothing-to-learn',
  about: 'Advantages are not all zero.',
  check: (topology) => {
    const train = topology.stages.train;
    if (train === undefined) return [];
    const findings: RuleFinding[] = [];
    const one = 'subTrajectories' in train.batch && train.batch.subTrajectories === 1;
    if (train.advantage === 'centered' && one) {
      findings.push(
        error(
          ['stages', 'train', 'batch'],
          'a centered advantage is the reward minus the mean of the batch: in a batch of one it is always 0',
        ),
      );
    }
    if (topology.reward.kind === 'constant' && topology.stages.reward !== undefined) {
      if (train.advantage === 'centered' || train.advantage === 'leave-one-out') {
        findings.push(error(['stages', 'train', 'advantage'], 'a constant reward, centered, is always 0'));
      } else if (topology.reward.value === 0) {
        findings.push(error(['reward', 'value'], 'the reward is always 0: nothing is learned'));
      }
    }
    return findings;
  },
};

export const mergePartitions: Rule = {
  name: 'merge-partitions',
  about: 'A deterministic merge needs one partition of each topic that leads to `turns`.',
  check: (topology) => {
    if (topology.stages.rollout?.merge !== 'deterministic') return [];
    const read = new Set(stagesBefore(topology, 'turns').map(({ reads }) => reads));
    return topicSpecs(topology).flatMap(({ name: topic, partitions }) => {
      if (!read.has(topic)) return [];
      if (partitions === 1) return [];
      return [
        error(
          ['topics', topic, 'partitions'],
          `\`${topic}\` has ${partitions} partitions, but the merge of turns is deterministic: expected 1, or \`stages.rollout.merge: arrival\``,
        ),
      ];
    });
  },
};

export const rewardRange: Rule = {
  name: 'reward-range',
  about: 'The range of a reward model is not empty.',
  check: ({ reward }) =>
    'min' in reward && reward.min >= reward.max
      ? [
          error(
            ['reward', 'min'],
            `the least reward, ${reward.min}, is not below the greatest, ${reward.max}`,
          ),
        ]
      : [],
};

export const unknownReward: Rule = {
  name: 'unknown-reward',
  about: 'Where the filter lets UNKNOWN verdicts pass, the reward `verdict` has a number for them.',
  check: ({ stages, reward }) => {
    const { filter } = stages;
    if (
      reward.kind !== 'verdict' ||
      reward.unknown !== null ||
      stages.reward === undefined ||
      filter === undefined
    )
      return [];
    const looks = filter.mode === 'process' || filter.mode === 'process+outcome';
    if (looks && filter.unknown === 'reject') return [];
    return [
      warning(
        ['reward', 'unknown'],
        'the filter lets steps with the verdict UNKNOWN pass, and the reward has no number for them: each becomes a failure',
      ),
    ];
  },
};
