/**
 * When a run is drained: every stage of the flow has consumed its input, from upstream to downstream,
 * wherever it runs. Of the stages here the workers say so themselves; of what runs elsewhere, progress and
 * topics do.
 */
import { sleep } from '../clock.ts';
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
  readonly stop: AbortSignal;
  /** How often to look at the workers here, and at those elsewhere, in milliseconds. */
  readonly checkMs: number;
  readonly remoteCheckMs: number;
  /** Told when stages elsewhere keep this process waiting. */
  readonly onWait: (stages: readonly string[]) => void;
}

/**
 * Completes the stages here, each when its producers are done everywhere and its input is consumed; until
 * `stop` aborts.
 */
export async function drain(options: DrainOptions): Promise<void> {
  const { flow, local, stop, checkMs, remoteCheckMs, onWait } = options;
  const isHere = ({ name }: FlowStage) => local.some(({ stage }) => stage.name === name);
  const groups = drainOrder(flow);
  // What comes after the last stage here may go on.
  for (const group of groups.slice(0, 1 + groups.findLastIndex((stages) => stages.some(isHere)))) {
    const here = local.filter(({ stage }) => group.some(({ name }) => name === stage.name));
    let waits = 0;
    for (;;) {
      if (stop.aborted) return;
      // Workers may come and go: what another process left of a partition is finished here.
      if (!(await isReady(here, options.commits))) {
        await sleep(checkMs);
        continue;
      }
      // A stage that holds records back finishes them once it is told that no more come; the others must have
      // none.
      const holding = here.length > 0 && here.every(({ stage }) => stage.holds === true);
      if (holding || (await areConsumed(group, options.transport))) {
        for (const { workers } of here) for (const worker of workers) if (!worker.drained) worker.complete();
        await Promise.all(here.flatMap(({ running }) => running));
        // They may have ended because another worker has the partition now, whose work may not be done.
        if (stop.aborted || (!here.some(isStandby) && (await areConsumed(group, options.transport)))) break;
      }
      if (++waits === 10) onWait(group.map(({ name }) => name));
      await sleep(remoteCheckMs);
    }
  }
}

/**
 * Whether the workers here have nothing left to do, with no commit while they were asked. Where work outlasts
 * what progress shows, there has to be a partition: a standby waits until the other worker is done. Of such
 * stages there must be no more than one: two workers, each a standby for the other, would wait for ever.
 */
async function isReady(stages: readonly LocalStage[], commits: () => number): Promise<boolean> {
  const before = commits();
  for (const station of stages) {
    if (isStandby(station)) return false;
    const { stage, workers } = station;
    for (const worker of workers) {
      // In a moment it is not one of these any more.
      if (worker.moved) return false;
      if (!(stage.holds ? await worker.caughtUp() : await worker.idle())) return false;
    }
  }
  return commits() === before;
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
    for (const [partition, { end }] of (topic?.offsets ?? []).entries()) {
      const offset = progress[n]?.[partition] ?? 0;
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
