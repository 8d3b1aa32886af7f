/** The stages `start`, `rollout` and `tools` over plain Observables, with the loop between them closed. */
import type { OperatorFunction } from 'rxjs';
import type { z } from 'zod';
import type { LanguageModel } from '../../agent/model.ts';
import type { toolsConfig } from '../../tools/tools-config.ts';
import type { Question, ToolCall, Trajectory, Turn } from '../../topics/records.generated.ts';
import type { TopologySettings } from '../topology.ts';
import { type PartOptions, wiringOf } from './one-stage.ts';
import { openStages, settle } from './open-stages.ts';
import { plain } from './plain.ts';
import { type ToolChoice, toolsOf } from './tools-of.ts';
import { trajectories } from './trajectories.ts';

/**
 * A policy's settings as under `policy:` in a topology, or a language model: what `openPolicy` opened, or
 * one's own.
 */
export type PolicyChoice = NonNullable<TopologySettings['policy']> | LanguageModel;

/**
 * What `rollout` is made of. `timeoutMs` and `maxObservationChars` bound a tool's call, as `stages.tools` in
 * a topology.
 */
export interface RolloutOptions extends PartOptions, z.input<typeof toolsConfig> {
  readonly policy: PolicyChoice;
  /** What questions may ask for, by name, as under `tasks:` in a topology. */
  readonly tasks: NonNullable<TopologySettings['tasks']>;
  /** The tools that tasks may use, as under `tools:` in a topology, or made. */
  readonly tools?: ToolChoice;
  /** Trajectories per question, 5 by default. */
  readonly rollouts?: number;
}

/**
 * Every question becomes its trajectories, `QUESTION/0`, `QUESTION/1` and so on, in this order: the policy
 * acts, a tool answers, until the policy gives its answer or its task's largest number of steps is reached.
 * `window` bounds how many trajectories are in the making at a time (64 by default). With a seed and a policy
 * that obeys it they are the same every time.
 *
 * @example
 * paced(questions).pipe(
 *   rollout({
 *     policy: { kind: 'local', checkpoint: 'policies/tiny' },
 *     tasks: { math: { tools: ['calculator'], maxSteps: 5 } },
 *     tools: { calculator: { kind: 'calculator' } },
 *   }),
 * );
 */
export function rollout(options: RolloutOptions): OperatorFunction<Question, Trajectory> {
  const { policy, tasks, seed = 0, rollouts, timeoutMs, maxObservationChars, notify } = options;
  const { settings: tools, own } = toolsOf(options.tools);
  const made = 'complete' in policy ? policy : undefined;
  const topology = settle('rollout', {
    ...{ seed, tasks, tools },
    ...('kind' in policy ? { policy } : {}),
    stages: {
      start: { ...wiringOf(options), ...(rollouts === undefined ? {} : { rollouts }) },
      rollout: wiringOf(options),
      tools: {
        ...wiringOf(options),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(maxObservationChars === undefined ? {} : { maxObservationChars }),
      },
    },
  });
  const window = topology.stages.rollout?.window ?? 1;
  const start = plain<Question, 'turns'>(
    {
      ...{ name: 'start', reads: 'questions', writes: 'turns', window },
      open: async () => {
        const stages = await openStages(topology, { only: ['start'], notify });
        return { operator: stages.operator<Question>('start'), close: stages.close };
      },
    },
    options,
  );
  const loop = plain<Turn, 'trajectories'>(
    {
      ...{ name: 'rollout', reads: 'turns', writes: 'trajectories', window },
      open: async (signal) => {
        const parts = { policy: made, tools: own };
        const stages = await openStages(topology, { only: ['rollout', 'tools'], own: parts, notify });
        const loop = {
          rollout: stages.operator<Turn>('rollout'),
          tools: stages.operator<ToolCall>('tools'),
        };
        return { operator: trajectories(loop, signal), close: stages.close };
      },
    },
    options,
  );
  return (questions) => questions.pipe(start, loop);
}
