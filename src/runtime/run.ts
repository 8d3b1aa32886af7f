/**
 * Runs the stages of a topology in this process: each on its input partitions, until stopped, or until every
 * topic is consumed and nothing is in flight.
 */
import { setMaxListeners } from 'node:events';
import { sleep } from '../clock.ts';
import type { Codec } from '../topics/avro/codec.ts';
import type { InputPartition, Transport } from '../topics/transport.ts';
import { drain, type FlowStage } from './drain.ts';
import { checkFirstProgress } from './first-progress.ts';
import type { RunObserver } from './observer.ts';
import { PartitionWorker } from './partition-worker.ts';
import type { RuntimeConfig } from './runtime-config.ts';
import { runScheduled } from './scheduling.ts';
import type { Stage } from './stage.ts';
import { TakenOver } from './taken-over.ts';
import { inTime, LATE } from './time-limit.ts';

/**
 * Before a partition is given back that another worker has taken over: two must not take it from each other
 * in a hurry.
 */
const GIVE_BACK_MS = 1_000;

/** How long a look at the progress may wait for the topics, in milliseconds. */
const LOOK_MS = 2_000;

export interface RunOptions {
  /** Those that run in this process. */
  readonly stages: readonly Stage[];
  /** Every stage of the topology: a run is drained when all of them are. */
  readonly flow: readonly FlowStage[];
  /** Topics that are filled from outside, whoever else writes them; none by default. */
  readonly fed?: readonly string[];
  /**
   * Names of the stages that run one window at a time (see `scheduling.ts`), highest priority first; none:
   * all run freely.
   */
  readonly scheduled: readonly string[];
  readonly untilDrained: boolean;
  /** Stop pulling, finish what is in flight, commit. */
  readonly stop: AbortSignal;
  /** Stop at once: what is in flight stays uncommitted and will be delivered again. */
  readonly abort: AbortSignal;
}

export interface RunDeps {
  readonly transport: Transport;
  readonly codec: Codec;
  readonly config: RuntimeConfig;
  readonly now: () => number;
  /** Notes for the user. */
  readonly notify?: (message: string) => void;
  readonly observer?: RunObserver | undefined;
}

export type RunEnd = 'drained' | 'stopped' | 'aborted';

export interface StageProgress {
  readonly stage: string;
  readonly reads: string;
  /** Records that this process has committed past. */
  readonly done: number;
  /** Records that wait in the input, those in flight included. */
  readonly backlog: number;
  readonly inFlight: number;
  /** Records written, per topic. */
  readonly written: Readonly<Record<string, number>>;
}

/** What one stage has in this process. */
interface Station {
  readonly stage: Stage;
  readonly workers: PartitionWorker[];
  readonly running: Promise<void>[];
  hadPartition: boolean;
  readonly written: Record<string, number>;
  done: number;
}

export class Run {
  readonly #options: RunOptions;
  readonly #deps: RunDeps;
  readonly #stations: Station[];
  /** Aborts with the first error that must stop the run. */
  readonly #fatal = new AbortController();
  /** Aborts when the run is over: ends the subscriptions. */
  readonly #over = new AbortController();
  readonly #abort: AbortSignal;
  readonly #stop: AbortSignal;
  #commits = 0;
  /** No partition is taken up any more. */
  #ending = false;

  constructor(options: RunOptions, deps: RunDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#stations = options.stages.map((stage) => ({
      stage,
      workers: [],
      running: [],
      hadPartition: false,
      written: {},
      done: 0,
    }));
    this.#abort = AbortSignal.any([options.abort, this.#fatal.signal]);
    this.#stop = AbortSignal.any([options.stop, this.#abort]);
    // One listener for each partition of each stage.
    setMaxListeners(0, this.#stop, this.#abort);
  }

  /** Runs to the end. Throws the error that stopped it, if one did; nothing uncommitted is lost. */
  async run(): Promise<RunEnd> {
    const subscriptions = this.#stations.map((station) => this.#guard(this.#subscribe(station)));
    try {
      const schedule = this.#guard(this.#schedule());
      if (this.#options.untilDrained) await this.#guard(this.#drain());
      else await aborted(this.#stop);
      this.#ending = true;
      // Partitions that came when their stage was done everywhere: what another worker left, with nothing to
      // do in it.
      if (this.#options.untilDrained && !this.#stop.aborted) await this.#guard(this.#completeAll());
      await schedule;
      await Promise.all(this.#stations.flatMap((station) => station.running));
    } finally {
      this.#over.abort();
      await Promise.all(subscriptions);
      for (const { workers } of this.#stations) for (const worker of workers) worker.close();
    }
    if (this.#fatal.signal.aborted) throw this.#fatal.signal.reason;
    if (this.#options.abort.aborted) return 'aborted';
    return this.#options.stop.aborted ? 'stopped' : 'drained';
  }

  async #completeAll(): Promise<void> {
    for (const worker of this.#stations.flatMap(({ workers }) => workers)) {
      if (worker.drained) continue;
      await worker.passMarks();
      worker.complete();
    }
  }

  /** How far each stage is, for people and programs that watch. */
  async progress(): Promise<StageProgress[]> {
    return Promise.all(
      this.#stations.map(async ({ stage, workers, done, written }) => ({
        stage: stage.name,
        reads: stage.reads,
        done,
        backlog: sum(await Promise.all(workers.map(backlogOf))),
        inFlight: sum(workers.map((worker) => worker.inFlight)),
        written: { ...written },
      })),
    );
  }

  async #subscribe(station: Station): Promise<void> {
    const { stage } = station;
    const { transport, codec } = this.#deps;
    const run = stage.readsRun === undefined ? {} : { run: stage.readsRun };
    const inputs = transport.subscribe({
      group: stage.name,
      topic: stage.reads,
      signal: this.#over.signal,
      ...run,
    });
    for await (const input of inputs) {
      const { flow, fed = [] } = this.#options;
      await checkFirstProgress(stage, input, { transport, codec, flow, fed });
      const worker = await this.#takeUp(station, input);
      if (this.#ending) {
        // It came too late: what there is to do is for whoever has it next. Given back at once it would come
        // again.
        worker.close();
        worker.onLeaving(() => worker.release());
        continue;
      }
      station.workers.push(worker);
      station.hadPartition = true;
      if (!this.#isScheduled(stage)) station.running.push(this.#guard(this.#work(station, worker)));
    }
  }

  #takeUp(station: Station, input: InputPartition): Promise<PartitionWorker> {
    const { codec, config, now, observer } = this.#deps;
    return PartitionWorker.start(station.stage, input, {
      codec,
      commit: config.commit,
      now,
      abort: this.#abort,
      onCommit: ({ records, outputs }) => {
        this.#commits++;
        station.done += records;
        for (const { topic } of outputs) station.written[topic] = (station.written[topic] ?? 0) + 1;
      },
      onRecord: (committed) => observer?.onCommit?.(committed),
    });
  }

  /**
   * Begins again, as another process would, where a stage was told that no more comes and more came: a late
   * feed. Returns whether there was any such partition.
   */
  async #reopen(): Promise<boolean> {
    let any = false;
    for (const station of this.#stations) {
      for (const worker of [...station.workers]) {
        if (!worker.ended || worker.leaving || (await worker.caughtUp())) continue;
        const next = await this.#takeUp(station, worker.retire());
        const place = station.workers.indexOf(worker);
        // It may have gone to another process in between.
        if (place < 0) {
          next.close();
          continue;
        }
        station.workers[place] = next;
        station.running.push(this.#guard(this.#work(station, next)));
        any = true;
      }
    }
    return any;
  }

  /** Works on a partition to its end, or until it goes to another worker. */
  async #work(station: Station, worker: PartitionWorker): Promise<void> {
    try {
      await worker.run(this.#stop);
    } catch (error) {
      if (!worker.moved && !(await this.#isTakenOver(worker, error))) throw error;
      letGo(station, worker);
      return;
    }
    // Nothing is left to do, and others may come for the partition all the same.
    worker.onLeaving(() => letGo(station, worker));
  }

  /** The group may not know it yet, or it was a mistake: either way the partition is best given back. */
  async #isTakenOver(worker: PartitionWorker, error: unknown): Promise<boolean> {
    if (!(error instanceof TakenOver) || !worker.canRelease) return false;
    this.#deps.notify?.(`${error.message} Its partition is given back.`);
    await sleep(GIVE_BACK_MS);
    return true;
  }

  async #runWindow(stations: readonly Station[], worker: PartitionWorker, waitMs: number): Promise<number> {
    let taken = 0;
    try {
      taken = await worker.runWindow(waitMs);
    } catch (error) {
      if (!worker.moved) throw error;
    }
    if (worker.leaving) {
      for (const station of stations) if (station.workers.includes(worker)) letGo(station, worker);
    }
    return taken;
  }

  #isScheduled(stage: Stage): boolean {
    return this.#options.scheduled.includes(stage.name);
  }

  async #schedule(): Promise<void> {
    const stations = this.#options.scheduled.flatMap(
      (name) => this.#stations.find((s) => s.stage.name === name) ?? [],
    );
    if (stations.length === 0) return;
    await this.#awaitPartitions(stations);
    await runScheduled({
      workers: () => stations.flatMap((station) => station.workers),
      runWindow: (worker, waitMs) => this.#runWindow(stations, worker, waitMs),
      stop: this.#stop,
      done: () =>
        this.#over.signal.aborted ||
        stations.every((s) => s.workers.length > 0 && s.workers.every((worker) => worker.drained)),
      waitMs: this.#deps.config.drainCheckMs,
    });
  }

  #drain(): Promise<void> {
    const { transport, config, notify = () => {} } = this.#deps;
    return drain({
      flow: this.#options.flow,
      local: this.#stations,
      transport,
      commits: () => this.#commits,
      reopen: () => this.#reopen(),
      stop: this.#stop,
      checkMs: config.drainCheckMs,
      remoteCheckMs: config.remoteCheckMs,
      onWait: (stages) => notify(`waiting for ${stages.join(', ')}, at work elsewhere or not started`),
    });
  }

  /** Scheduled ones need every partition of their inputs. */
  async #awaitPartitions(stations: readonly Station[]): Promise<void> {
    const { transport } = this.#deps;
    for (const { stage, workers } of stations) {
      const topic = (await transport.topics(stage.readsRun)).find(({ name }) => name === stage.reads);
      while (!this.#stop.aborted && workers.length < (topic?.partitions ?? 1)) await this.#pause();
    }
  }

  #pause(): Promise<void> {
    return sleep(this.#deps.config.drainCheckMs);
  }

  /** Lets an error stop the run; the promise itself never rejects. */
  async #guard(task: Promise<void>): Promise<void> {
    try {
      await task;
    } catch (error) {
      if (!this.#abort.aborted) this.#fatal.abort(error);
    }
  }
}

/** What waits in a partition; what is in flight where the topics do not say in time (an outage). */
async function backlogOf(worker: PartitionWorker): Promise<number> {
  const found = await inTime(() => worker.backlog(), { timeoutMs: LOOK_MS });
  return found === LATE ? worker.inFlight : found;
}

/** The partition's work goes on in another process, from what was committed here. */
function letGo(station: Station, worker: PartitionWorker): void {
  const { workers } = station;
  const place = workers.indexOf(worker);
  if (place < 0) return;
  workers.splice(place, 1);
  station.hadPartition = workers.length > 0 || worker.ended;
  worker.close();
  worker.release();
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
