/**
 * When a run is drained: every stage of the flow has consumed its input, from upstream to downstream,
 * wherever it runs. Of the stages here the workers say so themselves; of what runs elsewhere, progress and
 * topics do.
 */
import { sleep } from '../clock.ts';
import { progressBeyondEnd, recordsGone } from '../topics/lost-records.ts';
import type { Transport } from '../topics/transport.ts';
import { drainOrder } from './order.ts';
import type { PartitionWorker } from './partition-worker.ts';
import type { Stage } from './stage.ts';

/** A stage of the flow, here or elsewhere. */
export type FlowStage = Pick<Stage, 'name' | 'reads' | 'writes' | 'readsRun'>;

/** What one stage has in this process. */
interface LocalStage {
  readonly stage: Stage;
  /** On the partitions that this process has now. */
  readonly workers: readonly PartitionWorker[];
  /** Each ends when a worker's partition is done, or goes away. */
  readonly running: readonly Promise<void>[];
  /** Whether it has one, or had one to the end. */
  readonly hadPartition: boolean;
}

export interface DrainOptions {
  /** Every stage of the topology. */
  readonly flow: readonly FlowStage[];
  /** Those that run here. */
  readonly local: readonly LocalStage[];
  readonly transport: Pick<Transport, 'committed' | 'read' | 'topics'>;
  /** How many commits there were here. */
  readonly commits: () => number;
  /** Begins again where a stage here had ended and more came; returns whether there was any. */
  readonly reopen: () => Promise<boolean>;
  readonly stop: AbortSignal;
  /** How often to look at the workers here, and at those elsewhere, in milliseconds. */
  readonly checkMs: number;
  readonly remoteCheckMs: number;
  /** Told when stages elsewhere keep this process waiting. */
  readonly onWait: (stages: readonly string[]) => void;
}

/** Stages that feed each other, with what they have here; and those of all groups before. */
interface Turn {
  readonly group: readonly FlowStage[];
  readonly here: readonly LocalStage[];
  readonly before: readonly FlowStage[];
  readonly hereBefore: readonly LocalStage[];
}

/**
 * Returns once every topic that leads to a stage here is consumed, and the stages here are complete; or when
 * `stop` aborts. Stages that hold records back are told that no more come, each when its producers are done
 * everywhere; what is fed after that makes them begin again. The others work on to the end, as a record may
 * be fed at any time.
 */
export async function drain(options: DrainOptions): Promise<void> {
  const { flow, local, stop, checkMs } = options;
  const turns = turnsOf(flow, local);
  while (!stop.aborted) {
    let settled = true;
    for (const turn of turns) settled &&= await settle(turn, options);
    if (!settled || !(await isOver(turns, options))) {
      await sleep(checkMs);
      continue;
    }
    for (const { workers } of local) for (const worker of workers) if (!worker.drained) worker.complete();
    return;
  }
}

function turnsOf(flow: readonly FlowStage[], local: readonly LocalStage[]): Turn[] {
  const hereOf = (stages: readonly FlowStage[]) =>
    local.filter(({ stage }) => stages.some(({ name }) => name === stage.name));
  const groups = drainOrder(flow);
  // What comes after the last stage here may go on.
  const count = 1 + groups.findLastIndex((group) => hereOf(group).length > 0);
  return groups.slice(0, count).map((group, n) => {
    const before = groups.slice(0, n).flat();
    return { group, here: hereOf(group), before, hereBefore: hereOf(before) };
  });
}

/** Waits until a group is consumed; false where the flow must be gone through again from its beginning. */
async function settle(turn: Turn, options: DrainOptions): Promise<boolean> {
  const { group, here } = turn;
  const { transport, stop, checkMs, remoteCheckMs, onWait } = options;
  let waits = 0;
  for (;;) {
    if (stop.aborted) return true;
    if (await options.reopen()) return false;
    // Workers may come and go: what another process left of a partition is finished here.
    if (!(await isReady(here, options.commits))) {
      await sleep(checkMs);
      continue;
    }
    if (await complete(turn, options)) {
      // A partition that came in between has not been told.
      if (here.some(isOpen)) continue;
      await Promise.all(here.filter(({ stage }) => stage.holds).flatMap(({ running }) => running));
      // They may have ended because another worker has the partition now, whose work may not be done.
      if (stop.aborted || (!here.some(isStandby) && (await areConsumed(group, transport)))) return true;
    }
    if (++waits === 10) onWait(group.map(({ name }) => name));
    await sleep(remoteCheckMs);
  }
}

/**
 * Tells stages that hold records back that no more come. Everything before them must be consumed at a moment
 * when they had been handed all of their input: a trajectory of which some steps are still on their way is
 * not incomplete. Returns whether that is so.
 */
async function complete(turn: Turn, { transport, commits }: DrainOptions): Promise<boolean> {
  const { group, here, before, hereBefore } = turn;
  const open = here.flatMap(({ stage, workers }) =>
    stage.holds ? workers.filter(({ drained }) => !drained) : [],
  );
  // What holds records back has not consumed them.
  const isHolding = here.length > 0 && here.every(({ stage }) => stage.holds === true);
  const [committed, positions] = [commits(), open.map(({ position }) => position)];
  if (!(await areConsumed(isHolding ? before : [...before, ...group], transport))) return false;
  for (const station of [...hereBefore, ...here]) if (!(await isIdle(station))) return false;
  if (commits() !== committed || open.some(({ position }, n) => position !== positions[n])) return false;
  for (const worker of open) worker.complete();
  return true;
}

/** Whether every topic is consumed and all who hold records back have been told that no more come. */
async function isOver(turns: readonly Turn[], { local, transport, commits }: DrainOptions): Promise<boolean> {
  const committed = commits();
  if (local.some(isOpen)) return false;
  if (
    !(await areConsumed(
      turns.flatMap(({ group }) => group),
      transport,
    ))
  )
    return false;
  return (await isReady(local, commits)) && commits() === committed;
}

/**
 * Whether the workers here have nothing left to do, with no commit while they were asked. Where work outlasts
 * what progress shows, there has to be a partition: a standby waits until the other worker is done. Of such
 * stages there must be no more than one: two workers, each a standby for the other, would wait for ever.
 */
async function isReady(stages: readonly LocalStage[], commits: () => number): Promise<boolean> {
  const before = commits();
  for (const station of stages) if (isStandby(station) || !(await isIdle(station))) return false;
  return commits() === before;
}

async function isIdle({ stage, workers }: LocalStage): Promise<boolean> {
  for (const worker of workers) {
    // In a moment it is not one of these any more.
    if (worker.moved) return false;
    if (!(stage.holds ? await worker.caughtUp() : await worker.idle())) return false;
  }
  return true;
}

/** Whether a stage that holds records back was not told yet that no more come. */
function isOpen({ stage, workers }: LocalStage): boolean {
  return stage.holds === true && workers.some(({ drained }) => !drained);
}

function isStandby({ stage, hadPartition }: LocalStage): boolean {
  return stage.outlasts === true && !hadPartition;
}

/**
 * Whether these stages have committed past every record of their inputs. Progress is read before the topics:
 * a record that came to be in between, from one that was not yet committed, is then seen.
 */
async function areConsumed(
  stages: readonly FlowStage[],
  transport: DrainOptions['transport'],
): Promise<boolean> {
  const progress: number[][] = [];
  for (const { name, reads, readsRun } of stages) {
    progress.push(await transport.committed(name, reads, readsRun));
  }
  for (const [n, { reads, readsRun }] of stages.entries()) {
    const topic = (await transport.topics(readsRun)).find(({ name }) => name === reads);
    // It was deleted under the run, which who reads it will tell, or brokers have just started.
    if (topic === undefined) return false;
    for (const [partition, { start, end }] of topic.offsets.entries()) {
      const offset = progress[n]?.[partition] ?? 0;
      const place = { stage: stages[n]?.name ?? '', topic: reads, partition };
      // Not read, and never to be read: that is no end of a run.
      if (offset < start) {
        const [next = 0] = (await transport.committed(place.stage, reads, readsRun)).slice(partition);
        if (next < start) throw recordsGone(place, { next, start });
        return false;
      }
      if (offset > end) throw progressBeyondEnd(place, { next: offset, end });
      const of = readsRun === undefined ? {} : { run: readsRun };
      // On Kafka what is left may be marks of transactions, and no record.
      if (offset < end && (await hasRecord(transport.read(reads, { from: { offset }, partition, ...of })))) {
        return false;
      }
    }
  }
  return true;
}

async function hasRecord(entries: AsyncIterable<unknown>): Promise<boolean> {
  for await (const _ of entries) return true;
  return false;
}
