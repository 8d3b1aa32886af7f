/**
 * Stages beside the flow of a random topology: further readers of its topics, and of what these write. Of each
 * it is told what it must have written from what its input holds.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { filter as keep, map, mergeMap, Observable } from 'rxjs';
import { filter } from '../../src/judge/filter.ts';
import { filterConfig } from '../../src/judge/filter-config.ts';
import { gather } from '../../src/own-stages/gather.ts';
import { refuse } from '../../src/own-stages/outputs.ts';
import type { OwnPart } from '../../src/own-stages/own-part.ts';
import type { StageCall } from '../../src/parts/calls.ts';
import { redirected } from '../../src/runtime/redirect.ts';
import type { Delivery, Finished, Stage, StageOperator } from '../../src/runtime/stage.ts';
import { firstStep, rootOf } from '../../src/topics/record-names.ts';
import type { Judged } from '../../src/topics/records.generated.ts';
import type { Flow } from './random-topology.ts';
import { chance, hasLater, passes } from './random-world.ts';

/** A stage beside the flow. */
export interface Beside {
  /**
   * each: over single records, which it answers with none to three notes, refuses or throws at. state: over a
   * partition, with notes that say what came before. gather: over a partition, lets whole trajectories pass.
   * filter: Swirl's, a second one. sink: holds records back in threes, as a batch of updates.
   */
  readonly kind: 'each' | 'state' | 'gather' | 'filter' | 'sink';
  /** Which of the topics that are there it reads. */
  readonly reads: number;
  readonly partitions: number;
}

/** Where a stage beside the flow stands. */
export interface Placed extends Beside {
  readonly name: string;
  readonly topic: string;
  readonly into: string | null;
}

/** What is in a topic, by partition and in order. */
export type Log = readonly (readonly LoggedRecord[])[];

interface LoggedRecord {
  readonly id: string;
  /** Of judged records. */
  readonly subTrajectory?: Judged['subTrajectory'];
  readonly verdict?: Judged['verdict'] | null;
}

interface Note {
  readonly id: string;
  readonly of: string;
  readonly says: string;
}

/** The stages beside the flow, each after what it reads: so there is no circle. */
export function placedBeside(flow: Flow): Placed[] {
  const judgedLike = ['judged', ...(flow.distinct ? ['distinct'] : [])].filter(() => hasLater(flow, 'judge'));
  const topics = ['questions', 'turns', 'tool-calls', 'trajectories', ...judgedLike];
  if (flow.enter) topics.push('first');
  if (flow.branches > 0) topics.push('contexts');
  if (hasLater(flow, 'decompose')) topics.push('sub-trajectories');
  if (hasLater(flow, 'filter')) topics.push('accepted');
  if (hasLater(flow, 'resample')) topics.push('resampled');
  if (hasLater(flow, 'reward')) topics.push('scored');
  if (hasLater(flow, 'train')) topics.push('updates');
  const placed: Placed[] = [];
  for (const [n, beside] of flow.beside.entries()) {
    const wantsJudged = beside.kind === 'gather' || beside.kind === 'filter';
    const kind = wantsJudged && judgedLike.length === 0 ? 'state' : beside.kind;
    const from =
      wantsJudged && kind !== 'state' ? judgedLike : kind === 'sink' ? [...topics, 'failures'] : topics;
    const topic = from[beside.reads % from.length] as string;
    const into = kind === 'sink' ? null : `made${n}`;
    placed.push({ ...beside, kind, name: `beside${n}`, topic, into });
    if (into === null) continue;
    topics.push(into);
    if (kind === 'gather') judgedLike.push(into);
  }
  return placed;
}

function schemaOf(name: string) {
  const field = (name: string) => ({ name, type: 'string' });
  return { type: 'record', name: `Note_${name}`, fields: ['id', 'of', 'says'].map(field) };
}

/** What the topology says of them: Swirl's own stages a second time are beside it. */
export function besideTopology(flow: Flow): { readonly topics: object; readonly stages: object } {
  const placed = placedBeside(flow);
  const topics = placed.flatMap(({ kind, into, partitions }) => {
    if (into === null) return [];
    const records =
      kind === 'gather' ? { record: 'judged' } : kind === 'filter' ? { record: 'accepted' } : null;
    return [[into, { ...(records ?? { schema: schemaOf(into), key: 'of' }), partitions }] as const];
  });
  const stages = placed.filter(isOwn).map(({ name, topic, into }) => {
    const module = { kind: 'module', path: './none.js', maxRebuilds: 10_000 };
    const retry = { attempts: 2, backoffMs: 1, maxBackoffMs: 1 };
    return [name, { ...module, retry, window: flow.windows.beside, reads: topic, writes: [into] }] as const;
  });
  return {
    topics: Object.fromEntries(topics),
    stages: Object.fromEntries(stages),
  };
}

function isOwn({ kind }: Pick<Placed, 'kind'>): boolean {
  return kind !== 'filter' && kind !== 'sink';
}

/** The module of a stage of one's own. */
export function asModule(flow: Flow, name: string): Pick<OwnPart, 'says' | 'make'> {
  const kind = placedBeside(flow).find((placed) => placed.name === name)?.kind;
  const made = (over: 'record' | 'partition', make: () => StageCall): Pick<OwnPart, 'says' | 'make'> => ({
    says: { over },
    make: async () => ({ operator: make(), close: async () => {} }),
  });
  if (name === 'enter') return made('record', () => (turns$) => turns$);
  if (kind === 'each') return made('record', () => eachOf(flow, name));
  if (kind === 'state') return made('partition', () => stateOf(flow, name));
  return made(
    'partition',
    () => (judged$) =>
      (judged$ as Observable<Judged>).pipe(
        gather<Judged>({ maxSteps: 10_000 }),
        keep(({ trajectory }) => passes(flow, name, trajectory)),
        mergeMap(({ steps }) => steps),
      ),
  );
}

/** Those of Swirl's own stages that are beside the topology. */
export function besideStages(flow: Flow): Stage[] {
  return placedBeside(flow)
    .filter((placed) => !isOwn(placed))
    .map(({ kind, name, topic, into }): Stage => {
      const window = flow.windows.filter;
      const wiring = { name, reads: topic, writes: into === null ? [] : [into], window, holds: true };
      if (kind === 'sink') return { ...wiring, operator: () => sink(flow) as StageOperator<never> };
      const matcher = { by: null, matches: () => true };
      const retry = { attempts: 1, backoffMs: 1, maxBackoffMs: 1 };
      const second = filter(filterConfig.parse({ mode: 'process' }), {
        ...{ matcher, window, retry, sleep: async () => {} },
      });
      const names = new Map([['accepted', into as string]]);
      return { ...wiring, operator: () => redirected(second as StageOperator<never>, names) };
    });
}

/** Holds records back in threes, and what is left until no more come. */
function sink(flow: Flow): StageOperator<object> {
  return (source) =>
    new Observable<Finished>((subscriber) => {
      let batch: number[] = [];
      const finish = () => {
        for (const offset of batch) subscriber.next({ offset, outputs: [] });
        batch = [];
      };
      return source.subscribe({
        next: ({ offset }: Delivery<object>) => {
          batch.push(offset);
          if (batch.length === 3) finish();
        },
        complete: async () => {
          for (let n = chance(flow, `end ${batch.length}`, 5); n > 0; n--) await turn();
          finish();
          subscriber.complete();
        },
      });
    });
}

const throws = (flow: Flow, name: string, id: string) => chance(flow, `${name} throws ${id}`, 11) === 0;
const refuses = (flow: Flow, name: string, id: string) => chance(flow, `${name} refuses ${id}`, 9) === 0;

function notesOf(flow: Flow, name: string, id: string): Note[] {
  const count = chance(flow, `${name} notes ${id}`, 4);
  return Array.from({ length: count }, (_, n) => noteOf(`${name}.${n}:${id}`, id, `note ${n}`));
}

function noteOf(id: string, about: string, says: string): Note {
  return { id, of: rootOf(about), says };
}

function eachOf(flow: Flow, name: string): StageCall {
  return (records$) =>
    (records$ as Observable<LoggedRecord>).pipe(
      mergeMap(async ({ id }) => {
        for (let n = chance(flow, `${name} ${id}`, 4); n > 0; n--) await turn();
        if (throws(flow, name, id)) throw new Error('not this one');
        return [...notesOf(flow, name, id), ...(refuses(flow, name, id) ? [refuse('not that one')] : [])];
      }),
      mergeMap((outputs) => outputs),
    );
}

/** What a state has come to after a record. */
function after(state: readonly string[], id: string): string[] {
  return [`${Number(state[0] ?? 0) + 1}`, ...state.slice(-2), id];
}

function stateOf(flow: Flow, name: string): StageCall {
  return (records$) =>
    new Observable<object>((subscriber) => {
      let state: string[] = [];
      return (records$ as Observable<LoggedRecord>)
        .pipe(
          map(({ id }) => {
            if (throws(flow, name, id)) throw new Error('not this one');
            state = after(state, id);
            return noteOf(`${name}:${id}`, id, state.join(' '));
          }),
        )
        .subscribe(subscriber);
    });
}

export interface BesideExpected {
  /** By topic: notes as they are in full, other records by their names. */
  readonly topics: Readonly<Record<string, readonly string[]>>;
  /** As `stage name`. */
  readonly failures: readonly string[];
}

/** How a record of a topic beside the flow is told. */
export function told(record: object): string {
  return 'says' in record ? JSON.stringify(record) : (record as LoggedRecord).id;
}

/** What there must be of them in the end. */
export async function expectedBeside(
  flow: Flow,
  read: (topic: string) => Promise<Log>,
): Promise<BesideExpected> {
  const topics: Record<string, string[]> = {};
  const failures: string[] = [];
  for (const { kind, name, topic, into } of placedBeside(flow)) {
    const log = await read(topic);
    const found: string[] = [];
    for (const partition of log) {
      if (kind === 'each') {
        for (const { id } of partition) {
          if (throws(flow, name, id)) failures.push(`${name} ${id}`);
          else {
            found.push(...notesOf(flow, name, id).map(told));
            if (refuses(flow, name, id)) failures.push(`${name} ${id}`);
          }
        }
      } else if (kind === 'state') {
        let state: string[] = [];
        for (const { id } of partition) {
          if (throws(flow, name, id)) failures.push(`${name} ${id}`);
          else {
            state = after(state, id);
            found.push(told(noteOf(`${name}:${id}`, id, state.join(' '))));
          }
        }
      } else if (kind !== 'sink') found.push(...wholeOf(flow, { kind, name }, partition));
    }
    if (into !== null) topics[into] = found;
  }
  return { topics, failures };
}

/** The steps of those trajectories that pass. */
function wholeOf(flow: Flow, { kind, name }: Pick<Placed, 'kind' | 'name'>, log: Log[number]): string[] {
  const all = new Map<string, LoggedRecord[]>();
  for (const record of log) {
    const { trajectory } = record.subTrajectory as Judged['subTrajectory'];
    all.set(trajectory, [...(all.get(trajectory) ?? []), record]);
  }
  return [...all].flatMap(([trajectory, steps]) => {
    const [{ subTrajectory }] = steps as [LoggedRecord];
    const { count } = subTrajectory as Judged['subTrajectory'];
    const isWhole = steps.length === count - firstStep(trajectory);
    const passed =
      kind === 'gather'
        ? passes(flow, name, trajectory)
        : steps.every(({ verdict }) => verdict?.label === 'GOOD');
    return isWhole && passed ? steps.map(({ id }) => id) : [];
  });
}
