/**
 * Training on a stream of deliveries, so that every record is trained on once and every update is told once,
 * wherever it is killed. The invariant:
 *
 * - The state after a batch is a function of the state before it and of the deliveries from the cursor on:
 *   batches are cut by the log's order alone, and an update depends on nothing else.
 * - A checkpoint holds all of that state, at a batch's end, and is durable before any delivery it covers is
 *   finished. So what is committed is covered by a checkpoint, and what no checkpoint covers is delivered
 *   again.
 * - A checkpoint also holds every update and refusal that was not seen in the topics when it was written.
 *   What is missing there after a crash is told from the newest checkpoint; what is there already is not told
 *   again. Updates are told in the order of their steps, so that the last one says which are there; a refusal
 *   is there once its delivery is committed.
 */

import type { ToldTask } from '../agent/model.ts';
import { hashWeights } from '../checkpoint/weights-hash.ts';
import type { Engine, Tensors } from '../engine/engine.ts';
import { ConfigError, DataError, TransportError } from '../errors.ts';
import { failureOf } from '../runtime/failure.ts';
import type { RunObserver, TrainingProgress } from '../runtime/observer.ts';
import type { Delivery, Emission, Finished } from '../runtime/stage.ts';
import type { Renderer } from '../tokenizer/render.ts';
import type { Scored, Update } from '../topics/records.generated.ts';
import type { Advantage } from './advantage.ts';
import { type Batch, Batcher } from './batches.ts';
import type { Checkpoints } from './checkpoint.ts';
import type { CheckpointForm } from './checkpoint-form.ts';
import type { TrainConfig } from './config.ts';
import type { InitialPolicy } from './initial-policy.ts';
import { OptimizerStep } from './optimizer-step.ts';
import { RecentIds } from './recent-ids.ts';
import { type Cursor, consumed, nextPass, nextSpan, type Refusal, type TrainState } from './train-state.ts';

/** What the topics hold of this stage's work. */
export interface Published {
  /** The stage's committed progress in its input. */
  readonly offset: number;
  /** The step of the last record in `updates`; 0 where there is none. */
  readonly step: number;
}

export interface DurableTrainingDeps {
  /** The policy being trained; with the initial weights at first. */
  readonly engine: Engine;
  /**
   * Sets the initial weights again: the engine may have been trained before another process took over, which
   * made no checkpoint.
   */
  readonly reset: () => Promise<void>;
  /** Needed where the configuration names one that is not Swirl's. */
  readonly advantage?: Advantage | undefined;
  /** Needed where `beta` > 0. */
  readonly initial?: InitialPolicy | undefined;
  readonly renderer: Pick<Renderer, 'render'>;
  /** How the engine's trainable tensors are kept. */
  readonly form: CheckpointForm;
  /** What else the weights depend on, by name: hashes of what is not in the checkpoints. */
  readonly origins?: Readonly<Record<string, string>>;
  /** What the policy is told about each task, by its name. */
  readonly tasks: ReadonlyMap<string, ToldTask>;
  /** The folder of the run's checkpoints. */
  readonly checkpoints: string;
  /** What tells the run from others of its name, in its checkpoints; null where that is not known. */
  readonly identity?: string | null;
  /** Goes on from the checkpoint of this update, and not from the newest. */
  readonly fromUpdate?: number | undefined;
  readonly notify?: ((message: string) => void) | undefined;
  /** The run's name, the stage's, its input topic's, and its window. */
  readonly run: string;
  readonly stage: string;
  readonly topic: string;
  readonly window: number;
  readonly published: (signal: AbortSignal) => Promise<Published>;
  /**
   * The input's records from an offset up to another, again; what cannot be decoded is left out. Throws the
   * signal's reason when it aborts: an early end would be taken for the end.
   */
  readonly reread: (
    range: { readonly from: number; readonly to: number },
    signal: AbortSignal,
  ) => AsyncIterable<Delivery<Scored>>;
  /** Told of each update as soon as the engine has it: before it is durable. */
  readonly observer?: Pick<RunObserver, 'onUpdate' | 'onEmptyBatch' | 'onTraining'> | undefined;
}

export interface DurableTrainingOptions {
  readonly config: TrainConfig;
  readonly deps: DurableTrainingDeps;
  readonly checkpoints: Checkpoints;
  readonly partition: number;
  /** Where the training goes on; the engine has the weights and moments of this state. */
  readonly state: TrainState;
  /** What the topics held when the training was taken up. */
  readonly published: Published;
  /** Ends the training; `stop` aborts it. */
  readonly over: AbortController;
}

export class DurableTraining {
  readonly #config: TrainConfig;
  readonly #deps: DurableTrainingDeps;
  readonly #options: DurableTrainingOptions;
  readonly #step: OptimizerStep;
  #batcher: Batcher;
  /** The state after the last batch, and the one that a restart would find. */
  #state: TrainState;
  #durable: TrainState;
  /** Deliveries that are not finished, in order. */
  readonly #unfinished: Delivery<Scored>[] = [];
  /** How many of them were not yet taken. */
  #waiting = 0;
  /** The last update, and the last refused delivery, that was emitted or was in the topics before. */
  #toldStep: number;
  #toldOffset: number;
  /** The weights after an update, where they were read back for its hash. */
  #weights: { readonly step: number; readonly tensors: Tensors } | null = null;
  #emit: (finished: Finished) => void = () => {};
  #since: TrainingProgress['since'] = { records: 0, updates: 0, ms: 0 };

  constructor(options: DurableTrainingOptions) {
    const { config, deps, state, published } = options;
    const { engine, initial, renderer, tasks, advantage } = deps;
    this.#config = config;
    this.#deps = deps;
    this.#options = options;
    this.#step = new OptimizerStep(config, { engine, initial, renderer, tasks, advantage }, state.step);
    this.#state = state;
    this.#durable = state;
    this.#toldStep = published.step;
    this.#toldOffset = published.offset - 1;
    this.#batcher = this.#newBatcher();
  }

  /**
   * Hands over where finished deliveries go, and at once tells what was durable before a crash and is not in
   * the topics: before any delivery, so that nothing can be committed ahead of it.
   */
  begin(emit: (finished: Finished) => void): void {
    this.#emit = emit;
    this.#tell();
  }

  /** Nothing more is emitted or made durable; the update in hand ends in vain. */
  stop(): void {
    this.#options.over.abort();
  }

  /** Aborts when the training is stopped. */
  get signal(): AbortSignal {
    return this.#options.over.signal;
  }

  get #stopped(): boolean {
    return this.signal.aborted;
  }

  /** Ends the passes that a restart found begun. */
  async resume(): Promise<void> {
    if (this.#state.cursor.epoch > 0) await this.#finishSpan();
  }

  /** Notes a delivery as soon as it arrives; it is taken later, in turn. */
  receive(delivery: Delivery<Scored>): void {
    this.#unfinished.push(delivery);
    this.#waiting++;
  }

  /**
   * Trains on a delivery, once it completes a batch. Throws `ConfigError` where the window cannot hold a
   * batch.
   */
  async take(delivery: Delivery<Scored>): Promise<void> {
    this.#waiting--;
    if (this.#stopped) return;
    await this.#feed(delivery);
    if (this.#waiting > 0 || this.#unfinished.length < this.#deps.window || this.#stopped) return;
    if (this.#covered() === 0) {
      const { batch } = this.#config;
      throw new ConfigError(
        `stages.train.window is ${this.#deps.window}, and that many records do not fill a batch of ${JSON.stringify(batch)}: ` +
          'the window must hold one batch at least. Widen it, or make the batch smaller',
      );
    }
    await this.#checkpoint();
  }

  /**
   * The input is drained: trains on the last, partial batch, makes the further passes and the last
   * checkpoint.
   */
  async finish(): Promise<void> {
    await this.#flush();
    if (this.#stopped) return;
    const { cursor } = this.#state;
    if (this.#config.epochs > 1 && cursor.offset > cursor.from) {
      this.#move(nextPass(cursor));
      await this.#checkpoint();
      await this.#finishSpan();
      return;
    }
    this.#move(nextSpan(cursor.offset, cursor.recentIds));
    if (this.#unfinished.length > 0 || this.#state.step > this.#durable.step) await this.#checkpoint();
  }

  /** Makes the passes that are left over a span that is drained. */
  async #finishSpan(): Promise<void> {
    while (this.#state.cursor.to !== null && !this.#stopped) {
      const { offset, to } = this.#state.cursor;
      for await (const delivery of this.#deps.reread({ from: offset, to }, this.signal)) {
        if (this.#stopped) return;
        await this.#feed(delivery);
      }
      await this.#flush();
      if (this.#stopped) return;
      const { cursor } = this.#state;
      this.#checkPass(cursor);
      const more = cursor.epoch + 1 < this.#config.epochs;
      this.#move(more ? nextPass(cursor) : nextSpan(to, cursor.recentIds));
    }
    await this.#checkpoint();
  }

  /**
   * Reading again that ended early would be taken for the end of the pass, and the rest be lost in silence.
   */
  #checkPass({ from, to, taken, records }: Cursor): void {
    if (taken === records) return;
    throw new TransportError(
      `expected ${records} records of ${this.#deps.topic} from offset ${from} to ${to}, as in the first pass, found ${taken}: ` +
        'the topic must keep them until all epochs are done. Start another run with the records that are left, or with one epoch',
    );
  }

  async #feed(delivery: Delivery<Scored>): Promise<void> {
    await this.#step.renderAhead(delivery.value);
    for (const batch of this.#batcher.push(delivery)) {
      await this.#train(batch);
      if (this.#isDue()) await this.#checkpoint();
    }
  }

  async #flush(): Promise<void> {
    const batch = this.#batcher.flush();
    if (batch !== null) await this.#train(batch);
  }

  /** One batch: an update, where it has anything to train on, and the state after it. */
  async #train(batch: Batch): Promise<void> {
    if (this.#stopped) return;
    const started = performance.now();
    const { cursor, pendingUpdates, pendingRefusals } = this.#state;
    const update = batch.rows.length > 0 ? await this.#update(batch, cursor) : null;
    // Further passes refuse what the first one refused; it is told once.
    const refusals =
      cursor.epoch > 0
        ? []
        : batch.refused.map(({ delivery, id, reason }) => ({ offset: delivery.offset, record: id, reason }));
    this.#state = {
      ...this.#state,
      step: this.#step.taken,
      cursor: {
        ...cursor,
        offset: batch.toOffset,
        taken: cursor.taken + batch.deliveries,
        recentIds: [...batch.recentIds],
      },
      pendingUpdates: update === null ? pendingUpdates : [...pendingUpdates, update],
      pendingRefusals: [...pendingRefusals, ...refusals],
    };
    if (this.#stopped) return;
    const { observer } = this.#deps;
    if (update === null) observer?.onEmptyBatch?.();
    else observer?.onUpdate?.(update);
    const since = this.#since;
    this.#since = {
      records: since.records + batch.deliveries,
      updates: since.updates + Number(update !== null),
      ms: since.ms + performance.now() - started,
    };
    observer?.onTraining?.(this.#progress());
  }

  #progress(): TrainingProgress {
    const { epoch, taken, records } = this.#state.cursor;
    const uncommitted = epoch > 0 ? 0 : this.#covered();
    const { epochs } = this.#config;
    const { step } = this.#state;
    return { step, epoch: epoch + 1, epochs, taken, records, uncommitted, since: this.#since };
  }

  async #update(batch: Batch, { epoch }: Cursor): Promise<Update> {
    const statistics = await this.#step.take(batch.rows);
    const { step } = statistics;
    const { engine } = this.#deps;
    this.#weights = step % this.#config.hashEvery === 0 ? { step, tensors: await engine.weights() } : null;
    const weightsHash = this.#weights === null ? '' : hashWeights(this.#weights.tensors, engine.trainable);
    const { fromOffset, toOffset, trajectories } = batch;
    const dropped = batch.duplicates + batch.refused.length;
    const { partition } = this.#options;
    return {
      id: `update/${step}`,
      ...statistics,
      epoch,
      partition,
      fromOffset,
      toOffset,
      trajectories,
      dropped,
      weightsHash,
      by: this.#deps.advantage?.by ?? null,
    };
  }

  /** Goes on from another place, with a batch that begins there. */
  #move(cursor: Cursor): void {
    if (this.#stopped) return;
    this.#state = { ...this.#state, cursor };
    this.#batcher = this.#newBatcher();
  }

  #newBatcher(): Batcher {
    const { batch, maxDropped, recentIds } = this.#config;
    return new Batcher({
      batch,
      maxDropped,
      recent: new RecentIds(recentIds, this.#state.cursor.recentIds),
      pack: (steps) => this.#step.pack(steps),
    });
  }

  /** How many unfinished deliveries the next checkpoint would cover. */
  #covered(): number {
    const end = consumed(this.#state.cursor);
    return this.#unfinished.filter(({ offset }) => offset < end).length;
  }

  /** When checkpoints are made changes no weights: often enough for the window, and as configured. */
  #isDue(): boolean {
    const steps = this.#state.step - this.#durable.step;
    return steps >= this.#config.checkpointEvery || 2 * this.#covered() >= this.#deps.window;
  }

  async #checkpoint(): Promise<void> {
    const published = await this.#deps.published(this.signal);
    if (this.#stopped || this.#unfinished[0]?.signal.aborted) return;
    const state = {
      ...this.#state,
      pendingUpdates: this.#state.pendingUpdates.filter(({ step }) => step > published.step),
      pendingRefusals: this.#state.pendingRefusals.filter(({ offset }) => offset >= published.offset),
    };
    const { checkpoints } = this.#options;
    const { engine } = this.#deps;
    await checkpoints.write(state, async () => ({
      weights: this.#weights?.step === state.step ? this.#weights.tensors : await engine.weights(),
      optimizer: await engine.optimizer(),
    }));
    this.#state = state;
    this.#durable = state;
    this.#tell();
    await checkpoints.prune(this.#config.keepCheckpoints, this.#config.keepEvery);
  }

  /** Finishes the deliveries that the durable state covers, and tells what it holds that was not told. */
  #tell(): void {
    if (this.#stopped) return;
    const { cursor, pendingUpdates, pendingRefusals } = this.#durable;
    const end = consumed(cursor);
    const updates = pendingUpdates.filter(({ step }) => step > this.#toldStep);
    let refusals = pendingRefusals.filter(({ offset }) => offset > this.#toldOffset);
    const next = this.#unfinished.findIndex(({ offset }) => offset >= end);
    const done = this.#unfinished.splice(0, next < 0 ? this.#unfinished.length : next);
    // Outputs that belong to no delivery are committed after all that are in flight, and those may be given
    // outputs before: where any is left, what is to be told waits for it, so that the order of steps holds.
    if (done.length === 0 && (this.#unfinished.length > 0 || updates.length + refusals.length === 0)) return;
    this.#toldStep = updates.at(-1)?.step ?? this.#toldStep;
    this.#toldOffset = refusals.at(-1)?.offset ?? this.#toldOffset;
    const told = updates.map((update) => this.#updateEmission(update));
    if (done.length === 0)
      this.#emit({ offset: null, outputs: [...refusals.map((r) => this.#failure(r)), ...told] });
    for (const [i, { offset }] of done.entries()) {
      const last = i === done.length - 1;
      const own = refusals.filter((refusal) => last || refusal.offset <= offset);
      refusals = refusals.filter((refusal) => !own.includes(refusal));
      this.#emit({ offset, outputs: [...own.map((r) => this.#failure(r)), ...(last ? told : [])] });
    }
  }

  #updateEmission(value: Update): Emission {
    return { topic: 'updates', key: this.#deps.run, value };
  }

  #failure({ offset, record, reason }: Refusal): Emission {
    const { stage, topic } = this.#deps;
    const at = { topic, partition: this.#options.partition, offset };
    return failureOf(stage, at, new DataError(reason), { record });
  }
}
