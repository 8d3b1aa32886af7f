/** The topology of an evaluation: some rollouts a question, every step judged, no training. */
import { ConfigError } from '../errors.ts';
import { localModelConfig } from '../models/local-model-config.ts';
import { startConfig } from '../rollout/config.ts';
import { withKeptTasks } from '../topology/settle-tasks.ts';
import type { Topology } from '../topology/topology.ts';

export interface EvaluationSettings {
  /** The evaluation's run. */
  readonly run: string;
  /** A checkpoint to evaluate in place of the topology's policy. */
  readonly policyFolder?: string;
  /** In place of the policy's own; 0 is greedy. */
  readonly temperature?: number;
  /** Without tools: the policy may only reason and answer, and is told so. */
  readonly withoutTools?: boolean;
  /** Rollouts a question; 1 when omitted. */
  readonly rollouts?: number;
}

export function evaluationOf(
  topology: Topology,
  settings: EvaluationSettings,
  notify: (message: string) => void,
): Topology {
  const { start, rollout, tools, decompose, judge } = topology.stages;
  const { policyFolder, temperature, withoutTools, rollouts = 1 } = settings;
  const policy = {
    ...(policyFolder === undefined ? topology.policy : localPolicy(topology, policyFolder)),
    ...(temperature === undefined ? {} : { temperature }),
  };
  const bounded = startConfig.shape.rollouts.safeParse(rollouts);
  if (!bounded.success) {
    throw new ConfigError(`rollouts a question: ${bounded.error.issues[0]?.message}, found ${rollouts}`);
  }
  if (rollouts > 1 && policy.temperature === 0) {
    notify(
      `${rollouts} rollouts at temperature 0 are one rollout ${rollouts} times: raise policy.temperature.`,
    );
  }
  // As the run has been told; without tools its instructions would speak of them.
  const told = withoutTools ? topology : withKeptTasks(topology);
  const tasks = Object.entries(told.tasks).map(([name, task]) => [
    name,
    withoutTools ? withoutItsTools(name, task, notify) : task,
  ]);
  return {
    ...topology,
    run: settings.run,
    policy,
    tasks: Object.fromEntries(tasks),
    stages: { start: start && { ...start, rollouts }, rollout, tools, decompose, judge },
    source: null,
  };
}

type TaskConfig = Topology['tasks'][string];

/**
 * A task's instructions and examples speak of its tools: without them it has those of tasks that never had
 * any.
 */
function withoutItsTools(name: string, task: TaskConfig, notify: (message: string) => void): TaskConfig {
  const bare = task.instructions === '' && !task.examples?.length;
  if (task.tools.length === 0 || bare) return { ...task, tools: [] };
  if (task.instructions || task.examples?.length) {
    notify(
      `tasks.${name}.${task.instructions ? 'instructions' : 'examples'} may speak of its tools: without them Swirl's own for tasks ` +
        `without tools are used. For others of your own: --set tasks.${name}.tools=[] and tasks.${name}.instructions.`,
    );
  }
  const examples = task.examples?.length === 0 ? [] : null;
  return { ...task, tools: [], instructions: null, examples };
}

/** A checkpoint in place of the topology's policy, with the settings of its local policy. */
function localPolicy({ policy, learner }: Topology, checkpoint: string): Topology['policy'] {
  const settings = policy.kind === 'local' ? policy : (learner ?? localModelConfig.parse({}));
  return { ...settings, kind: 'local', checkpoint };
}
