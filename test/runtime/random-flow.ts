/** A flow for property tests: its stages, what it must come to, and the ways in which a run of it ends. */
import { setImmediate as turn } from 'node:timers/promises';
import { Observable } from 'rxjs';
import { decompose } from '../../src/decompose/decompose.ts';
import { DataError, TransportError } from '../../src/errors.ts';
import { filter } from '../../src/judge/filter.ts';
import { filterConfig } from '../../src/judge/filter-config.ts';
import { perRecord } from '../../src/runtime/per-record.ts';
import { Run } from '../../src/runtime/run.ts';
import { runtimeConfig } from '../../src/runtime/runtime-config.ts';
import type { Delivery, Emission, Finished, Stage } from '../../src/runtime/stage.ts';
import { decode, encode } from '../../src/topics/avro/codec.ts';
import { embeddedConfig } from '../../src/topics/embedded/embedded-config.ts';
import { openEmbeddedLog } from '../../src/topics/embedded/embedded-log.ts';
import type {
  Accepted,
  Question,
  Scored,
  SubTrajectory,
  Topic,
  Turn,
} from '../../src/topics/records.generated.ts';
import type { InputPartition, SubscribeOptions, Transport } from '../../src/topics/transport.ts';
import { TOPICS } from '../../src/topology/topics.ts';
import { patiently, until } from '../patience.ts';
import { answer, call, judged, question, step } from '../records.ts';

export const codec = { encode, decode };
const retry = { attempts: 1, backoffMs: 1, maxBackoffMs: 1 };
const sleep = async () => {};
const deps = { retry, sleep };

const NAMES = ['start', 'rollout', 'decompose', 'judge', 'filter', 'reward', 'sink'] as const;
type Name = (typeof NAMES)[number];

export interface Flow {
  readonly windows: Readonly<Record<Name, number>>;
  readonly partitions: number;
  readonly rollouts: number;
  readonly mode: 'none' | 'process';
  readonly scheduled: boolean;
  /** Which stages are there: so many of them, from the first on. */
  readonly stages: number;
  readonly commit: { readonly records: number; readonly ms: number };
  readonly salt: number;
}

/** A number made of a name, the same always. */
function chance(flow: Flow, name: string, of: number): number {
  let hash = 2166136261 ^ flow.salt;
  for (const character of name) hash = Math.imul(hash ^ character.charCodeAt(0), 16777619);
  return (hash >>> 8) % of;
}

const stepsOf = (flow: Flow, trajectory: string) => 1 + chance(flow, `steps ${trajectory}`, 3);
const fails = (flow: Flow, trajectory: string) => chance(flow, `fails ${trajectory}`, 7) === 0;
const isBad = (flow: Flow, id: string) => chance(flow, `bad ${id}`, 4) === 0;

/** The ids of every record that there must be in the end; failures by the record that failed. */
export function expectedOf(flow: Flow, questions: number): Partial<Record<Topic, string[]>> {
  const found: Record<string, string[]> = {};
  const add = (stage: Name, topic: Topic, ...ids: string[]) => {
    if (NAMES.indexOf(stage) < flow.stages) found[topic] = [...(found[topic] ?? []), ...ids];
  };
  for (let n = 0; n < questions; n++) {
    const id = `q${n}`;
    found.questions = [...(found.questions ?? []), id];
    for (let rollout = 0; rollout < flow.rollouts; rollout++) {
      const trajectory = `${id}/${rollout}`;
      const steps = Array.from({ length: stepsOf(flow, trajectory) }, (_, k) => `${trajectory}/${k}`);
      add('start', 'turns', `${trajectory}/0`);
      if (fails(flow, trajectory)) {
        add('rollout', 'failures', `${trajectory}/0`);
        continue;
      }
      add('rollout', 'turns', ...steps.slice(1));
      add('rollout', 'trajectories', trajectory);
      add('decompose', 'sub-trajectories', ...steps);
      add('judge', 'judged', ...steps);
      if (flow.mode === 'process' && steps.some((name) => isBad(flow, name))) continue;
      add('filter', 'accepted', ...steps);
      add('reward', 'scored', ...steps);
    }
  }
  return found;
}

const WIRING: Readonly<Record<Name, readonly [Topic, readonly Topic[]]>> = {
  start: ['questions', ['turns']],
  rollout: ['turns', ['turns', 'trajectories']],
  decompose: ['trajectories', ['sub-trajectories']],
  judge: ['sub-trajectories', ['judged']],
  filter: ['judged', ['accepted']],
  reward: ['accepted', ['scored']],
  sink: ['scored', []],
};

/** Work of some length, other for every record. */
async function work(flow: Flow, id: string): Promise<void> {
  for (let n = chance(flow, `work ${id}`, 5); n > 0; n--) await turn();
}

function operators(flow: Flow): Record<Name, () => unknown> {
  const named = (stage: Name) => ({ stage, ...deps });
  const first = (value: Question, rollout: number): Turn => {
    const trajectory = `${value.id}/${rollout}`;
    return { id: `${trajectory}/0`, trajectory, question: value, steps: [] };
  };
  return {
    start: () =>
      perRecord<Question>(async (value) => {
        await work(flow, value.id);
        return Array.from({ length: flow.rollouts }, (_, n): Emission => {
          const begun = first(value, n);
          return { topic: 'turns', key: begun.trajectory, value: begun };
        });
      }, named('start')),
    rollout: () =>
      perRecord<Turn>(async (value) => {
        const { id, trajectory, question: asked, steps } = value;
        await work(flow, id);
        if (fails(flow, trajectory)) throw new DataError('it cannot be answered');
        if (steps.length + 1 < stepsOf(flow, trajectory)) {
          const next = {
            ...value,
            id: `${trajectory}/${steps.length + 1}`,
            steps: [...steps, step(call('1+1'), '2')],
          };
          return [{ topic: 'turns', key: trajectory, value: next }];
        }
        const whole = { id: trajectory, question: asked, steps: [...steps, step(answer('5'), null)] };
        return [
          { topic: 'trajectories', key: trajectory, value: { ...whole, end: 'ANSWERED', answer: '5' } },
        ];
      }, named('rollout')),
    decompose: () => decompose(deps),
    judge: () =>
      perRecord<SubTrajectory>(async (value) => {
        await work(flow, value.id);
        const label = isBad(flow, value.id) ? 'BAD' : 'GOOD';
        return [{ topic: 'judged', key: value.trajectory, value: judged(value, label) }];
      }, named('judge')),
    filter: () => {
      const matcher = { by: null, matches: () => true };
      return filter(filterConfig.parse({ mode: flow.mode }), {
        ...{ matcher, window: flow.windows.filter },
        ...deps,
      });
    },
    reward: () =>
      perRecord<Accepted>(async ({ correct: _, by: __, ...value }) => {
        await work(flow, value.id);
        const reward = { value: 1, rationale: '', model: 'test', votes: [], by: null };
        return [{ topic: 'scored', key: value.subTrajectory.trajectory, value: { ...value, reward } }];
      }, named('reward')),
    // Holds records back in threes, and what is left until no more come: as a batch of updates.
    sink: () => (source: Observable<Delivery<Scored>>) =>
      new Observable<Finished>((subscriber) => {
        let batch: number[] = [];
        const finish = () => {
          for (const offset of batch) subscriber.next({ offset, outputs: [] });
          batch = [];
        };
        return source.subscribe({
          next: ({ offset }) => {
            batch.push(offset);
            if (batch.length === 3) finish();
          },
          complete: () => {
            void work(flow, `end ${batch.length}`).then(() => {
              finish();
              subscriber.complete();
            });
          },
        });
      }),
  };
}

export interface Setup {
  readonly flow: Flow;
  readonly transport: Transport;
  readonly stages: readonly Stage[];
  has(name: Name): boolean;
  feed(ids: readonly string[]): Promise<void>;
  /** Stages that had more in flight than their window. */
  exceeded(): string[];
  close(): Promise<void>;
}

export async function openLog(of: { folder: string; run: string; flow: Flow }): Promise<Setup> {
  const { folder, run, flow } = of;
  const config = embeddedConfig.parse({ pollMs: 1, durable: false, maxLogBytes: 2 ** 26 });
  const transport = await openEmbeddedLog({ folder, run, config });
  // The topics of deterministic merging, and those that hold state, are the ones that need one partition.
  const one = (name: string) => flow.scheduled && (name === 'questions' || name === 'turns');
  await transport.ensureTopics(
    TOPICS.map((name) => ({ name, partitions: one(name) || name === 'scored' ? 1 : flow.partitions })),
  );
  const exceeded = new Set<string>();
  const made = operators(flow);
  const stages = NAMES.slice(0, flow.stages).map((name): Stage => {
    const [reads, writes] = WIRING[name];
    const window = flow.windows[name];
    const watched = () => (source: Observable<Delivery<unknown>>) => {
      let open = 0;
      const counted = new Observable<Delivery<unknown>>((subscriber) =>
        source.subscribe({
          next: (delivery) => {
            if (++open > window) exceeded.add(name);
            subscriber.next(delivery);
          },
          error: (error) => subscriber.error(error),
          complete: () => subscriber.complete(),
        }),
      );
      const operator = made[name]() as (source: unknown) => Observable<Finished>;
      return new Observable<Finished>((subscriber) =>
        operator(counted).subscribe({
          next: (finished) => {
            if (finished.offset !== null) open--;
            subscriber.next(finished);
          },
          error: (error) => subscriber.error(error),
          complete: () => subscriber.complete(),
        }),
      );
    };
    const holds = name === 'filter' || name === 'sink';
    return { name, reads, writes, window, holds, operator: watched as unknown as Stage['operator'] };
  });
  return {
    ...{ flow, transport, stages },
    has: (name) => NAMES.indexOf(name) < flow.stages,
    feed: async (ids) => {
      const value = (id: string) => encode('questions', question({ id }));
      await transport.append(ids.map((id) => ({ topic: 'questions', key: id, value: value(id) })));
    },
    exceeded: () => [...exceeded],
    close: () => transport.close(),
  };
}

/** Dies at a commit: before the log has heard of it, or after it, with nobody left to hear that. */
class Killed extends TransportError {}

export interface How {
  readonly untilDrained: boolean;
  readonly kind?: 'stop' | 'abort' | 'kill' | 'kill unheard';
  /** The number of commits after which that happens. */
  readonly after?: number;
}

export function startRun({ flow, transport, stages }: Setup, { untilDrained, kind, after = 0 }: How) {
  const [stop, abort] = [new AbortController(), new AbortController()];
  let commits = 0;
  let over = false;
  const due = () => kind !== undefined && commits >= after;
  const commit = async (input: InputPartition, ...of: Parameters<InputPartition['commit']>) => {
    if (due() && kind === 'kill') throw new Killed('killed before a commit');
    await input.commit(...of);
    commits++;
    if (due() && kind === 'kill unheard') throw new Killed('killed after a commit');
    if (due() && kind === 'stop') stop.abort(new Error('stop'));
    if (due() && kind === 'abort') abort.abort(new Error('abort'));
  };
  const dying = {
    ...bound(transport),
    subscribe: async function* (options: SubscribeOptions) {
      for await (const input of transport.subscribe(options)) {
        yield killable(input, (...of) => commit(input, ...of));
      }
    },
  };
  const config = runtimeConfig.parse({ commit: flow.commit, drainCheckMs: 1, remoteCheckMs: 1 });
  const scheduled = flow.scheduled ? ['rollout', 'start'] : [];
  const options = { stages, flow: stages, scheduled, untilDrained };
  const run = new Run(
    { ...options, stop: stop.signal, abort: abort.signal },
    { transport: dying, codec, config, now: () => performance.now() },
  );
  const end = run.run().finally(() => {
    over = true;
  });
  end.catch(() => {});
  const holding = (name: string) => name === 'filter' || name === 'sink';
  const idle = async () =>
    (await run.progress()).every(
      ({ stage, backlog, inFlight }) => backlog === (holding(stage) ? inFlight : 0),
    );
  return {
    end,
    /** Until so many commits were made, or the run is over. */
    commits: (count: number) => until('commits', () => over || commits >= count),
    /** Until it is over in its way; a run that has nothing more to commit is stopped. */
    ended: async (how: string) => {
      await until('the end, or nothing to do', async () => over || due() || (await idle()));
      if (!due() || how === 'stop') stop.abort(new Error('stop'));
      if (due() && how === 'abort') abort.abort(new Error('abort'));
      await patiently(
        'the end of a run',
        end.catch((error: unknown) => {
          if (!(error instanceof Killed)) throw error;
        }),
      );
    },
  };
}

function bound(transport: Transport): Transport {
  return {
    run: transport.run,
    ensureTopics: (specs) => transport.ensureTopics(specs),
    topics: (run) => transport.topics(run),
    append: (outputs) => transport.append(outputs),
    subscribe: (options) => transport.subscribe(options),
    committed: (...of) => transport.committed(...of),
    read: (...of) => transport.read(...of),
    setProgress: (...of) => transport.setProgress(...of),
    workers: () => transport.workers(),
    close: () => transport.close(),
  };
}

/** The input with another commit: its getters read private fields of the input itself. */
function killable(input: InputPartition, commit: InputPartition['commit']): InputPartition {
  return {
    topic: input.topic,
    partition: input.partition,
    get position() {
      return input.position;
    },
    get lost() {
      return input.lost;
    },
    seek: (offset) => input.seek(offset),
    pull: (max, waitMs) => input.pull(max, waitMs),
    end: () => input.end(),
    commit,
  };
}
