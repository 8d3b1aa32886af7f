/** The stage `resample` over plain Observables. */
import type { OperatorFunction } from 'rxjs';
import type { Accepted } from '../../topics/records.generated.ts';
import type { TopologySettings } from '../topology.ts';
import { oneStage, type PartOptions, wiringOf } from './one-stage.ts';
import type { PolicyChoice } from './rollout.ts';
import { type ToolChoice, toolsOf } from './tools-of.ts';

/** What `resample` is made of. */
export interface ResampleOptions extends PartOptions {
  readonly policy: PolicyChoice;
  /** As `rollout` was given them: the policy is shown what it would see there. */
  readonly tasks: NonNullable<TopologySettings['tasks']>;
  /** As `rollout` was given them: their tags are what the policy may write. No tool is called. */
  readonly tools?: ToolChoice;
  /** Fresh actions at each context, 4 by default: the group of the advantage `leave-one-out`. */
  readonly actions?: number;
}

/**
 * At the context of every accepted step the policy acts again: `q17/2/1` becomes `q17/2/1~0`, `q17/2/1~1` and so
 * on, adjacent and in order, for a reward that looks at the action itself and the advantage `leave-one-out` (the
 * objective of arXiv 2504.04736). All actions at a context are there or, where one cannot be drawn, none: the step
 * is a failure. The policy stays as it is.
 *
 * @example
 * accepted.pipe(resample({ policy, tasks, tools, actions: 4 }), reward({ kind: 'rules' }));
 */
export function resample(options: ResampleOptions): OperatorFunction<Accepted, Accepted> {
  const { policy, tasks, seed = 0, actions } = options;
  const { settings: tools, own } = toolsOf(options.tools);
  const topology: TopologySettings = {
    ...{ seed, tasks, tools },
    ...('kind' in policy ? { policy } : {}),
    // There is no other topic to tell them from the recorded ones.
    stages: {
      resample: { ...wiringOf(options), ...(actions === undefined ? {} : { actions }), writes: ['accepted'] },
    },
  };
  const made = 'complete' in policy ? policy : undefined;
  return oneStage('resample', topology, { ...options, own: { policy: made, tools: own } });
}
