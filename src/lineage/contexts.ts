/** Recorded steps to begin again at, by name or by what was recorded of them. */
import { ConfigError } from '../errors.ts';
import { parseWhere } from '../monitor/where.ts';
import { topicSchema } from '../topics/avro/schemas.ts';
import { namesOfKey, rootOf } from '../topics/record-names.ts';
import type { Judged, SubTrajectory } from '../topics/records.generated.ts';
import { isNameOf } from '../topics/without-records.ts';
import { each } from './find.ts';
import { holderOf, type RunChain } from './run-chain.ts';

export interface ContextsWanted {
  /** Names of questions, trajectories and steps; none: of all. */
  readonly names: readonly string[];
  /** A condition on the records of `judged`; null: none. */
  readonly where: string | null;
  /** Only the first of a trajectory's steps that is wanted. */
  readonly first: boolean;
  /** More are refused. */
  readonly most: number;
  readonly signal?: AbortSignal;
}

/**
 * The steps, in the order of their topic: of `judged`, or of `sub-trajectories` where nothing was judged. A step
 * that was judged again is as it was judged last. Throws a `ConfigError` where a name has no step, or where there
 * are none or too many.
 */
export async function contextsOf(chain: RunChain, wanted: ContextsWanted): Promise<SubTrajectory[]> {
  const { names, where, most, signal } = wanted;
  const topic = holderOf(chain, 'judged') === null ? 'sub-trajectories' : 'judged';
  const holder = holderOf(chain, topic);
  const [{ topology }] = chain.runs as RunChain['runs'] & readonly [RunChain['runs'][0]];
  if (holder === null) throw new ConfigError(`the run ${topology.run} has no steps yet`);
  if (where !== null && topic !== 'judged')
    throw new ConfigError(
      `--where ${where}: it is asked of \`judged\`, in which the run ${topology.run} has nothing`,
    );
  const meets = where === null ? () => true : parseWhere(where, topicSchema('judged').tree);
  const matches = (key: string) =>
    names.length === 0 || names.some((name) => namesOfKey(key).includes(name) || name.startsWith(`${key}/`));
  const found = new Map<string, SubTrajectory>();
  const seen = new Set<string>();
  for await (const { key, record } of each(holder, {
    topic,
    key: null,
    matches,
    ...(names.length > 0 && { roots: new Set(names.map(rootOf)) }),
    ...(signal && { signal }),
  })) {
    if (record === null) continue;
    const step =
      topic === 'judged' ? (record as unknown as Judged).subTrajectory : (record as unknown as SubTrajectory);
    const named = names.filter((name) => isNameOf(name, { key, id: step.id }));
    for (const name of named) seen.add(name);
    if (names.length > 0 && named.length === 0) continue;
    found.delete(step.id);
    if (meets(record)) found.set(step.id, step);
    if (found.size > most && !wanted.first) throw tooMany(most);
  }
  const missing = names.find((name) => !seen.has(name));
  if (missing !== undefined)
    throw new ConfigError(
      `${missing}: expected the name of a question, trajectory or step with a record in \`${topic}\` of the run ${holder.topology.run}`,
    );
  const steps = wanted.first ? firsts([...found.values()]) : [...found.values()];
  if (steps.length === 0)
    throw new ConfigError(`no step of the run ${topology.run} meets ${where ?? 'that'}`);
  if (steps.length > most) throw tooMany(most);
  return steps;
}

function tooMany(most: number): ConfigError {
  return new ConfigError(
    `there are more than ${most} such steps: ask for fewer by name, --where or --first, or raise --most`,
  );
}

function firsts(steps: readonly SubTrajectory[]): SubTrajectory[] {
  const first = new Map<string, number>();
  for (const { trajectory, index } of steps)
    first.set(trajectory, Math.min(index, first.get(trajectory) ?? index));
  return steps.filter(({ trajectory, index }) => first.get(trajectory) === index);
}
