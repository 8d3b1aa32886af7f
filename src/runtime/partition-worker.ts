/**
 * One stage on one input partition: pulls on credit, hands deliveries to the stage's operator, and
 * commits the finished prefix of the window, outputs and progress together (promises 1 and 3).
 */
import { setMaxListeners } from 'node:events';
import { type OperatorFunction, Subject, type Subscription } from 'rxjs';
import { sleep } from '../clock.ts';
import { DataError, SwirlError } from '../errors.ts';
import type { Codec } from '../topics/avro/codec.ts';
import { OutputRefused } from '../topics/output-refused.ts';
import type { InputPartition, LogEntry, Output } from '../topics/transport.ts';
import { Changes } from './changes.ts';
import type { CommitConfig } from './commit-config.ts';
import { failureOf } from './failure.ts';
import { InHand } from './in-hand.ts';
import type { CommittedRecord } from './observer.ts';
import { OutputEncoder } from './output-encoder.ts';
import { commitRefused } from './refused-outputs.ts';
import type { AnyEmission, Delivery, Finished, Stage } from './stage.ts';
import { type Prefix, Window } from './window.ts';

export interface WorkerDeps {
  readonly codec: Codec;
  readonly commit: CommitConfig;
  /** Milliseconds; for how long records take only. */
  readonly now: () => number;
  /** Aborts when the run stops at once: deliveries in hand are given up. */
  readonly abort: AbortSignal;
  /** Called after each commit. */
  readonly onCommit: (committed: { readonly records: number; readonly outputs: readonly Output[] }) => void;
  /** Called after each commit for each record in it. */
  readonly onRecord?: (committed: CommittedRecord) => void;
}

/** How long a pull waits for records, in milliseconds: a stop is seen no later. */
const PULL_MS = 100;

export class PartitionWorker {
  readonly #stage: Stage;
  readonly #input: InputPartition;
  readonly #deps: WorkerDeps;
  readonly #window: Window;
  readonly #encoder: OutputEncoder;
  readonly #inHand: InHand;
  readonly #source = new Subject<Delivery<unknown>>();
  readonly #subscription: Subscription;
  /** Given to the deliveries: aborts when the run stops at once, or another owner has taken the partition. */
  readonly #signal: AbortSignal;
  #position: number;
  #pulling: Promise<unknown> = Promise.resolve();
  #committed: number;
  readonly #retired = new AbortController();
  #drained = false;
  #operatorDone = false;
  #failed = false;
  #error: unknown;
  readonly #changes = new Changes();
  /** How many deliveries are held: nobody waits for those. */
  #held = 0;

  private constructor(stage: Stage, input: InputPartition, deps: WorkerDeps) {
    this.#stage = stage;
    this.#input = input;
    this.#deps = deps;
    this.#window = new Window(stage.window);
    this.#encoder = new OutputEncoder(stage, deps.codec);
    this.#inHand = new InHand(stage.name);
    this.#position = input.position;
    this.#committed = input.position;
    this.#signal = AbortSignal.any([deps.abort, input.lost]);
    // One listener for each delivery in flight: the window bounds them.
    setMaxListeners(0, this.#signal);
    if (this.#signal.aborted) this.#fail(this.#signal.reason);
    this.#signal.addEventListener('abort', () => this.#fail(this.#signal.reason), { once: true });
    const operator = stage.operator(input.partition) as OperatorFunction<unknown, Finished<AnyEmission>>;
    this.#subscription = this.#source.pipe(operator).subscribe({
      next: (finished) => this.#finish(finished),
      error: (error: unknown) => this.#fail(error),
      complete: () => {
        this.#operatorDone = true;
        this.#changes.wake();
      },
    });
  }

  /** Takes up a partition where its stage left off. */
  static async start(stage: Stage, input: InputPartition, deps: WorkerDeps): Promise<PartitionWorker> {
    const { partition, position: committed } = input;
    const signal = AbortSignal.any([deps.abort, input.lost]);
    const from = await stage.startAt?.({ partition, committed, signal });
    if (from !== undefined && from !== input.position) input.seek(from);
    return new PartitionWorker(stage, input, deps);
  }

  /** Whether `complete` was called. */
  get drained(): boolean {
    return this.#drained;
  }

  /** Whether the operator has ended after that, with everything committed. */
  get ended(): boolean {
    return this.#drained && this.#operatorDone && this.#window.inFlight === 0 && !this.#failed;
  }

  /** Everything before this offset was handed to the operator, or is no record. */
  get position(): number {
    return this.#position;
  }

  get inFlight(): number {
    return this.#window.inFlight;
  }

  /** Whether another worker is to have the partition, or has it: the work goes on there. */
  get leaving(): boolean {
    return this.#input.leaving?.aborted === true || this.moved;
  }

  /** Whether another worker has the partition, as it should. */
  get moved(): boolean {
    const { aborted, reason } = this.#input.lost;
    return aborted && reason instanceof SwirlError && reason.retryable;
  }

  /** Whether a partition can be given to another worker: not on the embedded log. */
  get canRelease(): boolean {
    return this.#input.release !== undefined;
  }

  /** Lets another worker have the partition. */
  release(): void {
    this.#input.release?.();
  }

  /** Calls back once the partition is to go to another worker, or has gone. */
  onLeaving(leave: () => void): void {
    const { lost, leaving } = this.#input;
    const signal = leaving === undefined ? lost : AbortSignal.any([leaving, lost]);
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true, signal: this.#retired.signal });
  }

  /** Hands its partition to a new worker here: closes, and calls nobody back. */
  retire(): InputPartition {
    this.close();
    this.#retired.abort();
    return this.#input;
  }

  /**
   * How many records wait in the partition, those in flight included (on Kafka marks of transactions count).
   */
  async backlog(): Promise<number> {
    const end = await this.#input.end();
    return this.#window.inFlight + Math.max(0, end - this.#position);
  }

  /** Whether the operator has been handed everything that is in the partition. */
  async caughtUp(): Promise<boolean> {
    const end = await this.#input.end();
    // Nothing is pulled now, and what is left may be no record.
    if (this.#position < end && (this.#drained || this.#window.credit === 0)) await this.#pull(0);
    return this.#position >= end;
  }

  /** Steps over what is no record: else a partition that came late would seem to have something left. */
  async passMarks(): Promise<void> {
    const passed = this.#pulling.then(async () => {
      await this.#input.pull(0, 0);
      this.#position = this.#input.position;
    });
    this.#pulling = passed.catch(() => {});
    await passed;
  }

  /** Whether nothing is in the partition that is not committed. */
  async idle(): Promise<boolean> {
    return (await this.caughtUp()) && this.#window.inFlight === 0;
  }

  /**
   * Pulls and commits as credit allows, until `complete` was called and everything is committed, or until
   * `stopping` aborts or the partition is to go to another worker: then it finishes what is in flight, except
   * what the stage holds back for later deliveries or has still to do with it (train: further passes, which
   * may take hours), which will be delivered again.
   */
  async run(stopping: AbortSignal): Promise<void> {
    const { leaving } = this.#input;
    const stop = leaving === undefined ? stopping : AbortSignal.any([stopping, leaving]);
    const stopped = () => stop.aborted || this.#drained || this.#failed;
    // A worker that waits for records must hear of it too.
    stop.addEventListener('abort', () => this.#changes.wake(), { once: true, signal: this.#retired.signal });
    const pulling = (async () => {
      while (!stopped()) {
        if (this.#window.credit > 0) await this.#pull(PULL_MS);
        else await this.#changes.next();
      }
    })().catch((error: unknown) => this.#fail(error));
    while (!this.#failed && !stopped()) {
      if (this.#commitIsDue()) await this.#commit();
      else await this.#changes.next(this.#window.ready().slots > 0 ? this.#deps.commit.ms : undefined);
    }
    await pulling;
    while (!this.#failed && !this.#settled(stop.aborted)) {
      // What finishes during a commit must be seen before waiting for more: nothing else may be on its way.
      if (this.#window.ready().slots > 0) await this.#commit();
      else await this.#changes.next();
    }
    if (this.#failed) throw this.#error;
    await this.#commit();
  }

  /**
   * Pulls at most one window of what is there, finishes all of it and commits. For scheduled stages:
   * see `scheduling.ts`. Returns how many records it took.
   */
  async runWindow(waitMs: number): Promise<number> {
    if (this.#drained) return 0;
    const taken = await this.#pull(waitMs);
    while (this.#window.unfinished > this.#held && !this.#failed) await this.#changes.next();
    if (this.#failed) throw this.#error;
    await this.#commit();
    return taken;
  }

  /** The input is drained: the operator's source completes, so that it finishes what it holds. */
  complete(): void {
    this.#drained = true;
    this.#source.complete();
    this.#changes.wake();
  }

  /** Stops listening to the operator. What it holds stays uncommitted. */
  close(): void {
    this.#subscription.unsubscribe();
  }

  /** One after the other: a pull moves the input's position before its records are delivered. */
  #pull(waitMs: number): Promise<number> {
    const pulled = this.#pulling.then(() => this.#pullNow(waitMs));
    this.#pulling = pulled.catch(() => {});
    return pulled;
  }

  async #pullNow(waitMs: number): Promise<number> {
    const { room } = this.#stage;
    const credit = this.#drained ? 0 : this.#window.credit;
    const most = room === undefined || credit === 0 ? credit : Math.min(credit, await room.left());
    if (most < credit && most === 0) await sleep(waitMs);
    const entries = await this.#input.pull(most, most === 0 ? 0 : waitMs);
    const { codec } = this.#deps;
    if (codec.learn !== undefined) {
      const values = entries.map(({ value }) => value);
      await codec.learn(this.#stage.reads, values, this.#signal);
    }
    const [first] = entries;
    if (first !== undefined && this.#drained) {
      // It came when the operator had just been told that no more comes: for whoever has the partition next.
      this.#input.seek(first.offset);
      return 0;
    }
    room?.take(entries.length);
    for (const entry of entries) this.#deliver(entry);
    this.#position = this.#input.position;
    if (entries.length > 0) this.#changes.wake();
    return entries.length;
  }

  #deliver(entry: LogEntry): void {
    if (this.#failed) return;
    const { topic, partition, offset } = entry;
    this.#window.add(offset);
    this.#inHand.take(offset, this.#deps.now());
    const value = this.#decode(entry);
    if (value === undefined) return;
    this.#inHand.decoded(offset, value);
    this.#source.next({ value, topic, partition, offset, signal: this.#signal });
  }

  /** Undefined when the bytes made no record: the delivery is then finished, with its failure. */
  #decode(entry: LogEntry): unknown {
    try {
      return this.#deps.codec.decode(this.#stage.reads, entry.value);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      const failed = failureOf(this.#stage.name, entry, error, { bytes: entry.value });
      this.#finish({ offset: entry.offset, outputs: [failed] });
      return undefined;
    }
  }

  #finish(finished: Finished<AnyEmission>): void {
    const { offset, outputs } = finished;
    const { topic, partition } = this.#input;
    if (finished.held === true) {
      this.#held++;
      this.#changes.wake();
      return;
    }
    try {
      const now = this.#deps.now();
      const encoded =
        offset === null
          ? outputs.map((output) => this.#encoder.encode(output))
          : this.#encoder.encodeOrFail({ topic, partition, offset }, finished);
      if (offset === null) this.#window.append(encoded, now);
      else this.#window.finish(offset, encoded, now);
      this.#inHand.finish(finished, encoded, now);
    } catch (error) {
      this.#fail(error);
    }
    this.#changes.wake();
  }

  #fail(error: unknown): void {
    if (!this.#failed) this.#error = error;
    this.#failed = true;
    this.#changes.wake();
  }

  /** Whether, after the last pull, nothing is left to wait for. */
  #settled(stopping: boolean): boolean {
    const holds = this.#stage.holds === true;
    // What is finished after one that is held cannot be committed: only a prefix can.
    if (stopping && this.#held > 0) return this.#window.unfinished === this.#held;
    if (!this.#drained || (stopping && holds)) return holds || this.#window.inFlight === 0;
    if (this.#operatorDone && this.#window.unfinished > 0) {
      this.#fail(
        new Error(`stage ${this.#stage.name} ended with ${this.#window.unfinished} records unfinished`),
      );
    }
    return this.#operatorDone && this.#window.inFlight === 0;
  }

  /**
   * Worth a durable transaction: enough is finished, it has waited long enough, or nothing else is on its
   * way.
   */
  #commitIsDue(): boolean {
    const { slots, since } = this.#window.ready();
    if (slots === 0) return false;
    return (
      this.#window.unfinished === 0 ||
      slots >= this.#deps.commit.records ||
      this.#deps.now() - since >= this.#deps.commit.ms
    );
  }

  async #commit(): Promise<void> {
    const prefix = this.#window.prefix();
    if (prefix.slots === 0) return;
    try {
      await this.#commitAs(prefix, prefix.outputs);
    } catch (error) {
      if (!(error instanceof OutputRefused)) throw error;
      for (let left = prefix.slots; left > 0; left--) await this.#commitFirst();
    }
  }

  /** By itself what is refused is known for what it is. */
  async #commitFirst(): Promise<void> {
    const { topic, partition } = this.#input;
    const first = this.#window.prefix(1);
    try {
      await this.#commitAs(first, first.outputs);
    } catch (error) {
      // Outputs that belong to no delivery have no failure to become.
      if (!(error instanceof OutputRefused) || first.next === null) throw error;
      const offset = first.next - 1;
      const refused = {
        ...{ stage: this.#stage.name, at: { topic, partition, offset }, outputs: first.outputs },
        record: this.#inHand.idOf(offset),
        encode: (emission: AnyEmission) => this.#encoder.encode(emission),
        decode: (value: Uint8Array) => this.#deps.codec.decode('failures', value),
        commit: (outputs: readonly Output[]) => this.#commitAs(first, outputs),
      };
      await commitRefused(refused, error);
    }
  }

  async #commitAs(prefix: Prefix, outputs: readonly Output[]): Promise<void> {
    const next = prefix.next ?? this.#committed;
    await this.#input.commit(next, outputs);
    this.#window.drop(prefix);
    this.#committed = next;
    this.#deps.onCommit({ records: prefix.records, outputs });
    for (const record of this.#inHand.committed(next)) this.#deps.onRecord?.(record);
    this.#changes.wake();
  }
}
