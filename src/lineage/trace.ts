/**
 * From a question, trajectory or step to everything that came of it, update by update: its lineage. Names say
 * it (promise 2): `q17` is a question, `q17/2` its third rollout, `q17/2/0` that rollout's first step, and
 * `q17/2/0~1` an action that was drawn again at its context; `q17/2~3.0` began again before `q17/2/3`.
 */
import { ConfigError } from '../errors.ts';
import { isOf, originsOf, rootOf, type StepPlace } from '../topics/record-names.ts';
import { flowStages } from '../topology/flow.ts';
import { RESAMPLED } from '../topology/stage-configs.ts';
import { TOPICS } from '../topology/topics.ts';
import { type Found, find, findRange } from './find.ts';
import type { ChainRun, RunChain } from './run-chain.ts';
import { type UpdateOf, updatesOf } from './updates-of.ts';

export interface TracedStep {
  readonly id: string;
  /** Its records, in the order of the flow. */
  readonly records: readonly Found[];
  /** The updates whose batches it was in. */
  readonly updates: readonly UpdateOf[];
}

export interface TracedTrajectory {
  readonly id: string;
  /** Its records that are of no single step, those of topics of one's own included. */
  readonly records: readonly Found[];
  readonly steps: readonly TracedStep[];
}

export interface Trace {
  readonly id: string;
  readonly question: Found | null;
  readonly trajectories: readonly TracedTrajectory[];
  readonly failures: readonly Found[];
}

export interface TraceOptions {
  readonly signal?: AbortSignal;
}

/**
 * Throws a `ConfigError` where no record of the run, or of one that it replays, is of that name. The id of a
 * failure means the record that failed.
 */
export async function trace(chain: RunChain, id: string, options: TraceOptions = {}): Promise<Trace> {
  const [, topic, partition, offset] = /^[^:]+:([^:]+):(\d+):(\d+)$/.exec(id) ?? [];
  if (topic === undefined) return traceRecord(chain, id, options);
  const place = { topic, partition: Number(partition), offset: Number(offset) };
  const failure = await failureOf(chain, { id, ...place }, options);
  const failed = failure?.record?.record;
  if (typeof failed === 'string') return traceRecord(chain, failed, options);
  // What could not be decoded has no name.
  if (failure !== null) return { id, question: null, trajectories: [], failures: [failure] };
  return traceRecord(chain, id, options);
}

interface FailureName {
  readonly id: string;
  /** Of the record that failed. */
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** A failure's key is its name, or that of the record that failed. */
async function failureOf(
  { runs }: RunChain,
  { id, topic, partition, offset }: FailureName,
  options: TraceOptions,
): Promise<Found | null> {
  const failed = await first(runs, async (run) => {
    const ends = run.topics.find(({ name }) => name === topic)?.offsets;
    const isThere = offset < (ends?.[partition]?.end ?? 0);
    return isThere ? findRange(run, { topic, partition, from: offset, to: offset + 1 }) : [];
  });
  const roots = new Set([rootOf(id), ...(failed === null ? [] : [rootOf(idOf(failed))])]);
  return first(runs, async (run) => {
    const found = await find(run, { topic: 'failures', key: null, roots, ...options });
    return found.filter(({ key, record }) => key === id || record?.id === id);
  });
}

async function traceRecord(chain: RunChain, id: string, options: TraceOptions): Promise<Trace> {
  const [questionId = '', rollout, step] = id.split('/');
  const key = rollout === undefined ? null : `${questionId}/${rollout}`;
  const question = await first(chain.runs, (run) =>
    find(run, { topic: 'questions', key: questionId, most: 1, ...options }),
  );
  const since = question === null ? {} : { since: question.time };
  const look = { ...since, ...options };
  const roots = new Set([questionId]);
  const records: Found[] = [];
  for (const run of chain.runs) {
    const all = { key, roots, matches: (one: string) => one.startsWith(`${questionId}/`), ...look };
    for (const topic of flowTopics(run)) records.push(...(await find(run, { topic, ...all })));
  }
  const ids = new Set([id, ...records.map(idOf)]);
  const failures: Found[] = [];
  const read = question === null ? records : [question, ...records];
  for (const run of chain.runs) {
    const named = new Set([questionId, ...read.flatMap((found) => failuresOf(run, found))]);
    const failed = await find(run, { topic: 'failures', key: null, roots: named, ...since, ...options });
    failures.push(...failed.filter(({ record }) => ids.has(String(record?.record))));
  }
  const isNamed = (one: string) => step === undefined || isOf(id, one) || isOf(one, id);
  const isThere =
    rollout === undefined ? question !== null || records.length > 0 : records.map(idOf).some(isNamed);
  if (!isThere && failures.length === 0) {
    const runs = chain.runs.map(({ topology }) => topology.run).join(', which replays ');
    throw new ConfigError(
      `expected the id of a question, trajectory, step, failure or update of the run ${runs}; found ${JSON.stringify(id)}, of which there is no record`,
    );
  }
  const isWanted = (one: string) => isNamed(one) || one.split('/').length < 3;
  const kept = records.filter((found) => isWanted(idOf(found)));
  if (key !== null) kept.push(...(await begunFrom(chain, key, look)), ...(await begunAgain(chain, id, look)));
  const updates = await updatesOf(chain.runs, kept, options);
  return { id, question, trajectories: grouped(kept, updates), failures };
}

/** The names of failures of a record, one for each stage that reads its topic. */
function failuresOf({ topology }: ChainRun, { topic, partition, offset }: Found): string[] {
  const stages = flowStages(topology).filter(({ reads }) => reads === topic);
  return stages.map(({ name }) => `${name}:${topic}:${partition}:${offset}`);
}

type Look = TraceOptions & { readonly since?: number };

/** The recorded steps before which a trajectory began again, and that step before which that one did. */
async function begunFrom({ runs }: RunChain, key: string, look: Look): Promise<Found[]> {
  const found: Found[] = [];
  for (const { trajectory, index } of originsOf(key)) {
    for (const run of runs) {
      for (const topic of flowTopics(run)) {
        const records = await find(run, { topic, key: trajectory, ...look });
        const isWanted = (name: string) => name === trajectory || isOf(`${trajectory}/${index}`, name);
        found.push(...records.filter((one) => isWanted(idOf(one))));
      }
    }
  }
  return found;
}

/** What began again before a step of this name, or of a trajectory of this name. */
async function begunAgain({ runs }: RunChain, id: string, look: Look): Promise<Found[]> {
  const found: Found[] = [];
  const isFrom = ({ trajectory, index }: StepPlace) => trajectory === id || `${trajectory}/${index}` === id;
  for (const run of runs) {
    if (run.topology.stages.branch === undefined) continue;
    const matches = (one: string) => originsOf(one).some(isFrom);
    for (const topic of flowTopics(run))
      found.push(...(await find(run, { topic, key: null, roots: new Set([rootOf(id)]), matches, ...look })));
  }
  return found;
}

/** The topics whose keys are trajectories, in the order of the flow, and those that the topology adds. */
function flowTopics({ topics }: ChainRun): string[] {
  const known = TOPICS.flatMap((name) => (name === 'scored' ? [RESAMPLED, name] : [name]));
  const builtIn = known.filter((name) => !['questions', 'updates', 'failures'].includes(name));
  const isKnown = (name: string) => (known as readonly string[]).includes(name);
  return [...builtIn, ...topics.map(({ name }) => name).filter((name) => !isKnown(name))];
}

async function first(
  runs: readonly ChainRun[],
  look: (run: ChainRun) => Promise<readonly Found[]>,
): Promise<Found | null> {
  for (const run of runs) {
    const [found] = await look(run);
    if (found !== undefined) return found;
  }
  return null;
}

/** A record's name; that of its trajectory where it has none of its own. */
function idOf({ record, key }: Found): string {
  return typeof record?.id === 'string' ? record.id : key;
}

function grouped(
  records: readonly Found[],
  updates: ReadonlyMap<Found, readonly UpdateOf[]>,
): TracedTrajectory[] {
  const trajectories = groupsOf(records, ({ key }) => key);
  return [...trajectories].sort(byNumbers).map(([id, of]) => {
    const isStep = (found: Found) => idOf(found).startsWith(`${id}/`);
    const steps = groupsOf(of.filter(isStep), idOf);
    return {
      id,
      records: of.filter((found) => !isStep(found)),
      steps: [...steps].sort(byNumbers).map(([step, found]) => ({
        id: step,
        records: found,
        updates: found.flatMap((one) => updates.get(one) ?? []),
      })),
    };
  });
}

function groupsOf(records: readonly Found[], name: (found: Found) => string): Map<string, Found[]> {
  const groups = new Map<string, Found[]>();
  for (const found of records) {
    const group = groups.get(name(found));
    if (group === undefined) groups.set(name(found), [found]);
    else group.push(found);
  }
  return groups;
}

const { compare } = new Intl.Collator('en', { numeric: true });
const byNumbers = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => compare(a, b);
