/**
 * Stages for operators over plain Observables: put together by the pipeline of every run, from the same
 * settings.
 */
import { ConfigError } from '../../errors.ts';
import { type OwnParts, openParts } from '../../open-parts.ts';
import { type PipelineDeps, pipeline } from '../../pipeline.ts';
import type { Stage, StageOperator } from '../../runtime/stage.ts';
import { examineText } from '../../topology/load.ts';
import { formatProblems } from '../../topology/problem.ts';
import type { StageName } from '../../topology/stage-configs.ts';
import type { Topology } from '../../topology/topology.ts';
import { type Notify, warn } from '../notes.ts';
import type { TopologySettings } from '../topology.ts';

export interface OpenStagesOptions {
  /** Only these of the settings' stages. */
  readonly only: readonly StageName[];
  readonly own?: OwnParts;
  readonly notify?: Notify | undefined;
  /** Where training is, and what it has told. */
  readonly training?: Pick<PipelineDeps, 'checkpoints' | 'trainTopics'>;
}

export interface OpenStages {
  operator<T>(name: StageName): StageOperator<T>;
  stage(name: StageName): Stage;
  close(): Promise<void>;
}

/**
 * The part of a topology that an operator's options are, with the same checks, defaults and paths. Throws a
 * `ConfigError` that names each setting that is wrong; what a topology lacks to be run is of no concern here.
 */
export function settle(operator: string, settings: TopologySettings): Topology {
  const text = JSON.stringify(settings, null, 1);
  const { topology, problems } = examineText(text, { file: operator, folder: process.cwd() });
  if (topology !== null) return topology;
  const errors = problems.filter(({ severity }) => severity === 'error');
  throw new ConfigError(`${operator} cannot be made:\n${formatProblems(errors)}`);
}

/** The stages that a topology of these settings has. Throws as the parts do where one cannot be opened. */
export async function openStages(
  topology: Topology,
  { only, own = {}, notify = warn, training = NONE }: OpenStagesOptions,
): Promise<OpenStages> {
  const parts = openParts(topology, { env: process.env, notify, own });
  try {
    const stages = await pipeline(topology, { parts, history: noHistory, ...training }, only);
    const stage = (name: StageName) => {
      const found = stages.find((candidate) => candidate.name === name);
      if (found === undefined) throw new Error(`the settings have no stage ${name}`);
      return found;
    };
    return {
      stage,
      operator: <T>(name: StageName) => stage(name).operator(0) as unknown as StageOperator<T>,
      close: () => parts.close(),
    };
  } catch (error) {
    await parts.close();
    throw error;
  }
}

const NONE: Required<OpenStagesOptions>['training'] = {
  checkpoints: '',
  trainTopics: () => {
    throw new Error('training without its topics');
  },
};

function noHistory(): never {
  throw new Error('a stage over plain Observables has no topics');
}
