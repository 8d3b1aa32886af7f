/** Does to a run of a random topology what is said, and looks whether it holds what it must in the end. */
import assert from 'node:assert/strict';
import { readEntries } from '../../src/topics/read-records.ts';
import type { Failure, Update } from '../../src/topics/records.generated.ts';
import type { LogEntry } from '../../src/topics/transport.ts';
import { topicsOf } from '../../src/topology/flow.ts';
import type { Action } from './arbitrary-flow.ts';
import { openSetup, type Place, type Setup, startRun } from './interrupted-run.ts';
import { expectedBeside, type Log, placedBeside, told } from './random-beside.ts';
import { chance, expectedOf } from './random-world.ts';

/** A run that is done, still open. */
export interface Lived extends Setup {
  readonly fed: { readonly questions: number; readonly contexts: number };
}

/** Does what is said, one after the other, each in what would be a process of its own; drains in the end. */
export async function livedIn<T>(
  place: Place,
  actions: readonly Action[],
  look: (lived: Lived) => Promise<T>,
): Promise<T> {
  const fed = { questions: 0, contexts: 0 };
  const next = (count: number) => {
    const { branches } = place.flow;
    const questions = Array.from({ length: count }, () => `q${fed.questions++}`);
    const contexts = branches === 0 ? [] : Array.from({ length: count }, () => `c${fed.contexts++}`);
    return { questions, contexts };
  };
  const begin: Action = { kind: 'feed', count: 2 };
  for (const action of [begin, ...actions, { kind: 'drain', late: 0 } as const]) {
    await inProcess(place, (setup) => live(setup, action, next, fed.questions % 2 === 0));
  }
  return inProcess(place, (setup) => look({ ...setup, fed }));
}

async function inProcess<T>(place: Place, use: (setup: Setup) => Promise<T>): Promise<T> {
  const setup = await openSetup(place);
  try {
    return await use(setup);
  } finally {
    await setup.close();
  }
}

type Next = (count: number) => Parameters<Setup['feed']>[0];

/** One life of a run, somebody looking on: whoever taps a topic is shown all of it, in order. */
async function live(setup: Setup, action: Action, next: Next, untilDrained: boolean): Promise<void> {
  if (action.kind === 'feed') {
    await setup.feed(next(action.count));
    return;
  }
  const over = new AbortController();
  const topics = topicsOf(setup.topology);
  const tapped = topics[chance(setup.flow, `tap ${JSON.stringify(action)}`, topics.length)] as string;
  const tap = tapping(setup, tapped, over.signal);
  try {
    if (action.kind === 'drain' || action.kind === 'apart') await drained(setup, action, next);
    else {
      const running = startRun(setup, { untilDrained, ...action });
      await running.ended();
    }
  } finally {
    over.abort();
  }
  await tap;
  await checkCommitted(setup);
  assert.deepEqual(setup.exceeded(), []);
}

async function tapping({ transport }: Setup, topic: string, signal: AbortSignal): Promise<void> {
  const next = new Map<number, number>();
  for await (const { partition, offset } of transport.read(topic, { follow: true, signal })) {
    assert.deepEqual([topic, offset], [topic, next.get(partition) ?? 0]);
    next.set(partition, offset + 1);
  }
}

async function drained(
  setup: Setup,
  action: Action & { readonly kind: 'drain' | 'apart' },
  next: Next,
): Promise<void> {
  const { stages, scheduled } = setup;
  const isElsewhere = (name: string) => {
    const at = stages.findIndex((stage) => stage.name === name);
    return action.kind === 'apart' && !scheduled.includes(name) && (action.mask & (1 << at)) !== 0;
  };
  const elsewhere = () =>
    inProcess(setup, async (other) => {
      assert.equal(await startRun(other, { untilDrained: true, only: isElsewhere }).end, 'drained');
      assert.deepEqual(other.exceeded(), []);
    });
  // Who is done does not hear of a late feed: the other would wait for it to be started again.
  if (action.kind === 'apart' && action.late > 0) await setup.feed(next(action.late));
  const here = startRun(setup, { untilDrained: true, only: (name) => !isElsewhere(name) });
  const there = action.kind === 'apart' ? elsewhere() : null;
  there?.catch(() => {});
  if (action.kind === 'drain' && action.late > 0) {
    await here.commits(action.late);
    await setup.feed(next(action.late));
  }
  await there;
  assert.equal(await here.end, 'drained');
}

interface Read extends LogEntry {
  readonly record: { readonly id: string };
}

async function read({ transport, codec }: Setup, topic: string): Promise<Read[]> {
  const found: Read[] = [];
  for await (const entry of readEntries({ transport, codec }, topic)) {
    if (entry.record instanceof Error) throw entry.record;
    found.push(entry as unknown as Read);
  }
  return found;
}

async function logOf(setup: Setup, topic: string): Promise<Log> {
  const partitions: Read['record'][][] = [];
  for (const { partition, record } of await read(setup, topic)) {
    partitions[partition] = [...(partitions[partition] ?? []), record];
  }
  return [...partitions].map((records) => records ?? []) as Log;
}

/** Promise 4: what `filter` has committed belongs to whole trajectories. */
async function checkCommitted(setup: Setup): Promise<void> {
  const stage = setup.stages.find(({ name }) => name === 'filter');
  if (stage === undefined) return;
  const committed = await setup.transport.committed('filter', stage.reads);
  const past = new Set<string>();
  const missing = new Map<string, number>();
  for (const { partition, offset, record } of await read(setup, stage.reads)) {
    const { subTrajectory } = record as unknown as { subTrajectory: { trajectory: string; count: number } };
    const { trajectory, count } = subTrajectory;
    const own = count - Number(/~(\d+)\.\d+$/.exec(trajectory)?.[1] ?? 0);
    missing.set(trajectory, (missing.get(trajectory) ?? own) - 1);
    if (offset < (committed[partition] ?? 0)) past.add(trajectory);
  }
  for (const trajectory of past) assert.deepEqual([trajectory, missing.get(trajectory)], [trajectory, 0]);
}

/** Everything that must hold of a run that is drained. */
export async function checkRun(lived: Lived): Promise<void> {
  const { flow, fed, transport, stages, topology } = lived;
  const beside = await expectedBeside(flow, (topic) => logOf(lived, topic));
  const { failures = [], ...names } = expectedOf(flow, fed);
  const expected: Record<string, readonly string[] | undefined> = { ...names, ...beside.topics };
  for (const topic of topicsOf(topology)) {
    if (topic === 'updates' || topic === 'failures') continue;
    const found = (await read(lived, topic)).map(({ record }) => told(record)).sort();
    assert.deepEqual([topic, found], [topic, [...(expected[topic] ?? [])].sort()]);
  }
  const failed = (await read(lived, 'failures')).map(({ record }) => {
    const failure = record as unknown as Failure;
    return `${failure.stage} ${failure.record}`;
  });
  assert.deepEqual(failed.sort(), [...failures, ...beside.failures].sort());
  // Nothing is left.
  const topics = await transport.topics();
  for (const { name, reads } of stages) {
    const ends = topics.find((topic) => topic.name === reads)?.offsets.map(({ end }) => end);
    assert.deepEqual([name, await transport.committed(name, reads)], [name, ends]);
  }
  checkUpdates(await updatesOf(lived), (names.scored ?? []).length, flow.later === 6);
}

async function updatesOf(setup: Setup): Promise<Update[]> {
  return (await read(setup, 'updates')).map(({ record }) => record as unknown as Update);
}

/** Promise 5: each update is there once, and each pass of theirs over all that was scored. */
function checkUpdates(updates: readonly Update[], scored: number, isTrained: boolean): void {
  assert.deepEqual(
    updates.map(({ step }) => step),
    updates.map((_, n) => n + 1),
  );
  let next = 0;
  for (const { id, step, epoch, fromOffset, toOffset } of updates) {
    assert.deepEqual(id, `update/${step}`);
    if (epoch > 0) continue;
    assert.deepEqual([step, fromOffset], [step, next]);
    next = toOffset;
  }
  assert.deepEqual(next, isTrained ? scored : 0);
}

/** Every topic as it is, in order; of `failures`, which several stages write, what it holds. */
export async function inOrder(lived: Lived): Promise<Record<string, string[]>> {
  const placed = placedBeside(lived.flow);
  /** What comes of several partitions comes in any order, and what it is read by follows it. */
  const isOrdered = (topic: string): boolean => {
    const stage = placed.find(({ into }) => into === topic);
    return topic !== 'failures' && (!stage || (stage.partitions === 1 && isOrdered(stage.topic)));
  };
  const found: Record<string, string[]> = {};
  for (const topic of topicsOf(lived.topology)) {
    const entries = await read(lived, topic);
    if (!isOrdered(topic)) continue;
    // Keys of updates are the run's name.
    const keyOf = (key: string) => (topic === 'updates' ? '' : key);
    found[topic] = entries.map(({ key, value }) => `${keyOf(key)} ${Buffer.from(value).toString('base64')}`);
  }
  return found;
}

/** The training of a fresh run on what this one has scored: it learns the same. */
export async function replayed(lived: Lived, place: Place): Promise<void> {
  const setup = await openSetup(place, { replayed: lived.transport.run });
  try {
    assert.deepEqual(await startRun(setup, { untilDrained: true }).end, 'drained');
    const learned = (updates: readonly Update[]) =>
      updates.map(({ step, epoch, fromOffset, toOffset, loss, weightsHash }) => {
        return { step, epoch, fromOffset, toOffset, loss, weightsHash };
      });
    assert.deepEqual(learned(await updatesOf(setup)), learned(await updatesOf(lived)));
  } finally {
    await setup.close();
  }
}
