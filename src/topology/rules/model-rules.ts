/** Rules about policy, judge and reward model, and what the machine must have for them. */
import { isObject } from '../schema-walk.ts';
import { error, type Rule, type RuleFinding, warning } from './rule.ts';
import { usedModels } from './used-models.ts';

export const trainNeedsLocal: Rule = {
  name: 'train-needs-local',
  about: '`train` updates a local policy: `policy` itself, or `learner` where `policy` is a remote model.',
  check: (topology) => {
    if (topology.stages.train === undefined || topology.policy.kind === 'local' || topology.learner !== null)
      return [];
    return [
      error(
        ['policy', 'kind'],
        `\`train\` cannot update a policy of kind \`${topology.policy.kind}\`: name the local policy that learns under \`learner\`, or take \`train\` out`,
      ),
    ];
  },
};

export const idleLearner: Rule = {
  name: 'idle-learner',
  about: '`learner` is for a remote `policy` and the stage `train`.',
  check: (topology) => {
    if (topology.learner === null) return [];
    if (topology.policy.kind === 'local') {
      return [
        error(
          ['learner'],
          '`policy` is local and learns itself: take `learner` out, or make `policy` remote',
        ),
      ];
    }
    if (topology.stages.train === undefined) {
      return [warning(['learner'], 'there is a `learner`, but no stage `train` to update it')];
    }
    return [];
  },
};

export const remoteMerge: Rule = {
  name: 'remote-merge',
  about: 'A deterministic merge of turns only helps a local policy.',
  check: (topology) =>
    topology.policy.kind !== 'local' && topology.stages.rollout?.merge === 'deterministic'
      ? [
          warning(
            ['stages', 'rollout', 'merge'],
            'the policy is remote and not repeatable: a deterministic merge costs time and gives nothing; expected `arrival` or `auto`',
          ),
        ]
      : [],
};

export const noInstructions: Rule = {
  name: 'no-instructions',
  about: 'A remote policy is told how to call the tools and to answer.',
  check: ({ policy, stages, tasks }) =>
    policy.kind === 'local' || stages.rollout === undefined
      ? []
      : Object.entries(tasks).flatMap(([name, task]) =>
          task.instructions?.trim() === ''
            ? [
                warning(
                  ['tasks', name, 'instructions'],
                  `the task \`${name}\` has no instructions: a remote policy does not know the tags for tools and answers; write them, or leave the key out for Swirl's own`,
                ),
              ]
            : [],
        ),
};

export const equalVotes: Rule = {
  name: 'equal-votes',
  about: 'Several votes of a judge or reward model differ only above temperature 0.',
  check: (topology) =>
    (['judge', 'reward'] as const).flatMap((part) => {
      const config = topology[part];
      return 'votes' in config && config.votes > 1 && config.temperature === 0
        ? [
            warning(
              [part, 'temperature'],
              `${config.votes} votes at temperature 0 are the same vote ${config.votes} times: raise \`${part}.temperature\`, or ask once`,
            ),
          ]
        : [];
    }),
};

export const noAdapter: Rule = {
  name: 'no-adapter',
  about: 'A local model has a WebGPU adapter to run on, or is content with the float64 reference.',
  check: (topology, { adapter }) => {
    if (adapter !== null) return [];
    return usedModels(topology).flatMap(({ path, model }): RuleFinding[] => {
      if (model.kind !== 'local' || model.device === 'reference') return [];
      if (model.device === 'webgpu') {
        return [
          error([...path, 'device'], 'expected a WebGPU adapter, found none (`swirl doctor` says why)'),
        ];
      }
      return [
        warning(
          path,
          'there is no WebGPU adapter: the local model would run on the float64 reference, far slower (`swirl doctor` says what is missing)',
        ),
      ];
    });
  },
};

export const missingVariable: Rule = {
  name: 'missing-variable',
  about: 'Environment variables that the file names are set.',
  check: (topology, { env }) => {
    if (env === undefined) return [];
    return usedModels(topology).flatMap(({ path, model }) =>
      Object.entries(model).flatMap(([key, value]) =>
        key.endsWith('Env') && typeof value === 'string' && (env[value] ?? '') === ''
          ? [
              warning(
                [...path, key],
                `the environment variable \`${value}\` is not set: the run would stop at its first call`,
              ),
            ]
          : [],
      ),
    );
  },
};

export const substitution: Rule = {
  name: 'no-substitution',
  about: 'Nothing in the file is substituted: variables are named by keys such as `apiKeyEnv`.',
  check: (topology) => {
    const found: (readonly PropertyKey[])[] = [];
    collect(topology, [], found);
    return found.map((path) =>
      warning(
        path,
        'this looks like an environment variable to be filled in, which Swirl does not do: name variables by keys such as `apiKeyEnv`',
      ),
    );
  },
};

function collect(node: unknown, path: readonly PropertyKey[], found: (readonly PropertyKey[])[]): void {
  if (typeof node === 'string') {
    if (path.at(-1) !== 'instructions' && /\$\{[A-Za-z_]\w*\}/.test(node)) found.push(path);
  } else if (Array.isArray(node)) {
    for (const [index, item] of node.entries()) collect(item, [...path, index], found);
  } else if (isObject(node)) {
    for (const [key, value] of Object.entries(node)) collect(value, [...path, key], found);
  }
}
