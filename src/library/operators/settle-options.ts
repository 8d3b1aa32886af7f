/** An operator's options as the part of a topology that they are: the same checks, defaults and paths. */
import { ConfigError } from '../../errors.ts';
import { examineText } from '../../topology/load.ts';
import { formatProblems } from '../../topology/problem.ts';
import type { Topology } from '../../topology/topology.ts';
import type { TopologySettings } from '../topology.ts';

/**
 * A topology with nothing but these settings. Throws a `ConfigError` that names the operator and each setting that is wrong;
 * what a topology lacks to be run is of no concern here.
 */
export function settleOptions(operator: string, settings: TopologySettings): Topology {
  const text = JSON.stringify(settings, null, 1);
  const { topology, problems } = examineText(text, { file: operator, folder: process.cwd() });
  if (topology !== null) return topology;
  throw new ConfigError(
    `${operator}: ${formatProblems(problems.filter(({ severity }) => severity === 'error'))}`,
  );
}
