/**
 * A run in memory around the train stage, which can be killed: the topics and the checkpoints' folder stay,
 * all else is gone. It pulls on credit, as the runtime does, and commits the finished prefix now and then.
 */
import { Subject } from 'rxjs';
import type { Engine, Tensors } from '../../src/engine/engine.ts';
import { initialAdapters } from '../../src/engine/lora.ts';
import { createReferenceEngine } from '../../src/engine/reference/engine.ts';
import type { Delivery, Emission } from '../../src/runtime/stage.ts';
import { Window } from '../../src/runtime/window.ts';
import type { Failure, Scored, Update } from '../../src/topics/records.generated.ts';
import { adaptersOn, wholePolicy } from '../../src/train/checkpoint-form.ts';
import { type TrainConfig, trainConfig } from '../../src/train/config.ts';
import type { DurableTrainingDeps } from '../../src/train/durable-training.ts';
import { initialAdapterPolicy, initialEngine } from '../../src/train/initial-policy.ts';
import { loraShape } from '../../src/train/parameters.ts';
import { trainStage } from '../../src/train/train-stage.ts';
import { letters, smallDecoder, smallWeights, tasks } from './small-world.ts';

/** What survives a kill. */
export interface SmallRun {
  readonly folder: string;
  readonly config: TrainConfig;
  readonly log: Scored[];
  /** Where adapters are trained: these to begin with, in place of fresh ones. */
  readonly adapters: Tensors | null;
  committed: number;
  readonly updates: Update[];
  readonly failures: Failure[];
}

export interface Process {
  /** Kills the process when it comes to its n-th event (from 1). */
  readonly killAt?: number;
  readonly window?: number;
  /**
   * How many finished records make a commit; the rest is committed when the window is full and at the end.
   */
  readonly commitEvery?: number;
  /** End of the log as this process finds it drained; without, it is the log's end. */
  readonly end?: number;
  /** Stop, as at SIGINT, before this offset is delivered. */
  readonly stopAt?: number;
  readonly deps?: Partial<DurableTrainingDeps>;
}

export class Killed extends Error {}

export function smallRun(
  folder: string,
  log: readonly Scored[],
  settings: object = {},
  adapters: Tensors | null = null,
): SmallRun {
  const config = trainConfig.parse({
    maxRowTokens: 200,
    batch: { trajectories: 2 },
    checkpointEvery: 2,
    ...settings,
  });
  return { folder, config, log: [...log], adapters, committed: 0, updates: [], failures: [] };
}

/** Runs until the log is drained; returns how many events there were, and the engine's weights at the end. */
export async function runProcess(run: SmallRun, options: Process = {}) {
  let events = 0;
  const event = () => {
    if (options.killAt !== undefined && ++events >= options.killAt) throw new Killed(`at event ${events}`);
    if (options.killAt === undefined) events++;
  };
  const { inner, engine, ...learner } = await learnerOf(run, event);
  const abort = new AbortController();
  const delivery = (offset: number): Delivery<Scored> => {
    const value = run.log[offset];
    if (value === undefined) throw new Error(`nothing at offset ${offset}`);
    return { value, topic: 'scored', partition: 0, offset, signal: abort.signal };
  };
  const size = options.window ?? 16;
  const stage = trainStage(run.config, {
    engine,
    ...learner,
    renderer: letters,
    tasks,
    checkpoints: run.folder,
    run: 'small',
    stage: 'train',
    topic: 'scored',
    window: size,
    published: async () => {
      event();
      return { offset: run.committed, step: run.updates.at(-1)?.step ?? 0 };
    },
    reread: async function* ({ from, to }) {
      for (let offset = from; offset < to; offset++) yield delivery(offset);
    },
    ...options.deps,
  });
  try {
    let position = await stage.startAt({
      partition: 0,
      committed: run.committed,
      signal: new AbortController().signal,
    });
    // As the runtime does: outputs without a delivery are committed at the place that the stage started from.
    let progress = position;
    const window = new Window(size);
    const source = new Subject<Delivery<Scored>>();
    let failed: unknown;
    let complete = false;
    const subscription = source.pipe(stage.operator(0)).subscribe({
      next: ({ offset, outputs }) => {
        try {
          event();
          if (offset === null) window.append(outputs as never, 0);
          else window.finish(offset, outputs as never, 0);
        } catch (error) {
          failed ??= error;
        }
      },
      error: (error: unknown) => {
        failed ??= error;
      },
      complete: () => {
        complete = true;
      },
    });
    const commit = () => {
      const prefix = window.prefix();
      if (prefix.slots === 0) return;
      event();
      append(run, prefix.outputs as unknown as readonly Emission[]);
      progress = prefix.next ?? progress;
      run.committed = progress;
      window.drop(prefix);
      event();
    };
    try {
      const end = options.end ?? run.log.length;
      while (position < end && position < (options.stopAt ?? end)) {
        if (failed !== undefined) throw failed;
        if (window.credit > 0) {
          window.add(position);
          source.next(delivery(position++));
        }
        await pause();
        if (window.ready().slots >= (options.commitEvery ?? 3) || window.credit === 0) commit();
      }
      if (options.stopAt === undefined) {
        source.complete();
        while (!complete) {
          if (failed !== undefined) throw failed;
          await pause();
          if (window.ready().slots >= (options.commitEvery ?? 3)) commit();
        }
        if (failed !== undefined) throw failed;
        commit();
        if (window.inFlight > 0) throw new Error(`${window.inFlight} deliveries were never finished`);
      }
    } finally {
      subscription.unsubscribe();
    }
  } finally {
    await stage.close();
  }
  return { events, weights: await inner.weights() };
}

/** The policy of the small world, or adapters on it, as the run's settings say. */
async function learnerOf({ config, folder, adapters }: SmallRun, event: () => void) {
  const lora = loraShape(config.parameters);
  const inner = await createReferenceEngine(smallDecoder, smallWeights(), { lora });
  const engine = watched(inner, event);
  const origin = { path: folder, config: smallDecoder };
  if (lora === null) {
    const initialPolicy = initialEngine(await createReferenceEngine(smallDecoder, smallWeights()));
    const reset = () => inner.setWeights(smallWeights());
    return { inner, engine, reset, initial: initialPolicy, form: wholePolicy(origin) };
  }
  const initial = adapters ?? initialAdapters(smallDecoder, lora, 1);
  await inner.setWeights(initial);
  const initialPolicy = initialAdapterPolicy(engine, initial, { fresh: adapters === null });
  const reset = () => inner.setWeights(initial);
  return { inner, engine, reset, initial: initialPolicy, form: adaptersOn(origin, lora) };
}

/** Runs again and again until it is not killed; each process is killed at its next point of `kills`. */
export async function runToTheEnd(run: SmallRun, kills: readonly number[], options: Process = {}) {
  for (const killAt of kills) {
    try {
      return await runProcess(run, { ...options, killAt });
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }
  return runProcess(run, options);
}

function append(run: SmallRun, outputs: readonly Emission[]): void {
  for (const { topic, value } of outputs) {
    if (topic === 'updates') run.updates.push(value);
    else if (topic === 'failures') run.failures.push(value);
    else throw new Error(`nothing should be written to ${topic}`);
  }
}

/** An engine whose every call is an event. */
function watched(engine: Engine, event: () => void): Engine {
  return new Proxy(engine, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        event();
        return value.apply(target, args);
      };
    },
  });
}

function pause(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
