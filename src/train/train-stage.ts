/**
 * The train stage: scored steps become updates of the policy. One partition of `scored`, which it holds back
 * until the checkpoint that covers it is durable. See `durable-training.ts` for what a crash can and cannot
 * do.
 */
import { basename } from 'node:path';
import { Observable } from 'rxjs';
import { hashEngine } from '../checkpoint/weights-hash.ts';
import { ConfigError } from '../errors.ts';
import type { Finished, Stage, StageOperator } from '../runtime/stage.ts';
import type { Scored } from '../topics/records.generated.ts';
import { Checkpoints } from './checkpoint.ts';
import { type TrainConfig, trainConfig } from './config.ts';
import { DurableTraining, type DurableTrainingDeps, type Published } from './durable-training.ts';
import { consumed, nextSpan, type TrainState } from './train-state.ts';

/** What the runtime needs of the stage, and `close`. */
export interface TrainStage extends Required<Pick<Stage, 'holds' | 'outlasts' | 'startAt'>> {
  readonly operator: (partition: number) => StageOperator<Scored>;
  /** Ends the work in hand, and the claim to the checkpoints; await it before the engine is closed. */
  close(): Promise<void>;
}

/**
 * The stage. `startAt` takes up the newest checkpoint, and must have returned before `operator` is called.
 */
export function trainStage(config: TrainConfig, deps: DurableTrainingDeps): TrainStage {
  const checkpoints = new Checkpoints(deps.checkpoints, deps.form, {
    run: deps.run,
    identity: deps.identity ?? null,
  });
  let training: DurableTraining | null = null;
  let over = new AbortController();
  let work: Promise<void> = Promise.resolve();
  const close = async () => {
    over.abort();
    await work.catch(() => {});
    await checkpoints.release();
  };
  return {
    holds: true,
    outlasts: true,
    close,
    startAt: async ({ partition }) => {
      if (partition !== 0) {
        throw new ConfigError(
          `expected one partition of ${deps.topic}, found partition ${partition}: batches are cut by the order of one log. ` +
            `Set topics.${deps.topic}.partitions to 1, in a new run where they were added to this one's on Kafka: ` +
            'a replay of the topic before it',
        );
      }
      const isFirst = training === null;
      await close();
      over = new AbortController();
      const taken = await takeUp(config, { deps, checkpoints, isFirst, signal: over.signal });
      training = new DurableTraining({ config, deps, checkpoints, partition, over, ...taken });
      return consumed(taken.state.cursor);
    },
    operator: () => {
      const begun = training;
      if (begun === null) throw new Error('startAt must return before operator is called');
      return operatorOf(begun, (running) => {
        work = running;
      });
    },
  };
}

/** Deliveries are taken one after the other; `onWork` is given each promise that ends when all so far are. */
function operatorOf(training: DurableTraining, onWork: (work: Promise<void>) => void): StageOperator<Scored> {
  return (source) =>
    new Observable<Finished>((subscriber) => {
      let work = Promise.resolve();
      const then = (task: () => Promise<void>) => {
        work = work.then(task);
        // Reading again that was stopped throws the reason, which is no error of the stage.
        work.catch((error: unknown) => {
          if (error !== training.signal.reason) subscriber.error(error);
        });
        onWork(work);
      };
      training.begin((finished) => subscriber.next(finished));
      then(() => training.resume());
      const subscription = source.subscribe({
        next: (delivery) => {
          training.receive(delivery);
          then(() => training.take(delivery));
        },
        error: (error: unknown) => subscriber.error(error),
        complete: () =>
          then(async () => {
            await training.finish();
            subscriber.complete();
          }),
      });
      return () => {
        training.stop();
        subscription.unsubscribe();
      };
    });
}

interface TakeUp {
  readonly deps: DurableTrainingDeps;
  readonly checkpoints: Checkpoints;
  /** The engine is as it was made. */
  readonly isFirst: boolean;
  readonly signal: AbortSignal;
}

/**
 * The newest checkpoint, with its weights and moments in the engine; or a beginning with the engine's own.
 */
async function takeUp(config: TrainConfig, { deps, checkpoints, isFirst, signal }: TakeUp) {
  // Whoever had the partition before may still be at it, unaware: from here on it changes nothing.
  await checkpoints.claim();
  const published = await deps.published(signal);
  const settings = settingsOf(config, deps);
  if (isFirst && deps.fromUpdate !== undefined) {
    const aside = await checkpoints.backTo(deps.fromUpdate);
    if (aside.length > 0)
      deps.notify?.(
        `put aside, so that training goes on from update ${deps.fromUpdate}: ${aside.join(', ')}`,
      );
  }
  const found = await checkpoints.latest();
  if (found === null && !isFirst) await deps.reset();
  const state = found ?? (await beginning(deps, { published, settings }));
  if (found !== null) {
    checkSettings(found.settings, settings, checkpoints.path(found.step));
    const { weights, optimizer, isSealed } = await checkpoints.read(found.step);
    if (!isSealed)
      deps.notify?.(
        `${checkpoints.path(found.step)} is of an earlier version: of its files only the tensors carry a hash.`,
      );
    await deps.engine.setWeights(weights);
    await deps.engine.setOptimizer(optimizer);
  }
  if (config.beta > 0 && deps.initial !== undefined) {
    const hash = await deps.initial.hash();
    if (hash !== state.firstWeightsHash) {
      throw new ConfigError(
        `expected the initial policy that this run began with (weights ${state.firstWeightsHash.slice(0, 12)}), found ` +
          `${hash.slice(0, 12)}: the KL penalty is toward the former. Put it back, or start another run`,
      );
    }
  }
  // A kill in the middle of the last prune is mended here: there may be no further one.
  if (found !== null) await checkpoints.prune(config.keepCheckpoints, config.keepEvery);
  return { state, published };
}

async function beginning(
  { engine, checkpoints }: DurableTrainingDeps,
  { published, settings }: { readonly published: Published; readonly settings: TrainState['settings'] },
): Promise<TrainState> {
  if (published.step > 0) {
    throw new ConfigError(
      `expected the checkpoint of update ${published.step} or an earlier one in ${checkpoints}, found none: ` +
        'the weights of this run are gone. Start another one (a replay from `scored` makes them again)',
    );
  }
  return {
    step: 0,
    cursor: nextSpan(0, []),
    pendingUpdates: [],
    pendingRefusals: [],
    firstWeightsHash: await hashEngine(engine),
    settings,
  };
}

/**
 * Everything that the weights depend on besides the topic: neither when and what is saved, nor the stage's
 * wiring.
 */
function settingsOf(
  config: TrainConfig,
  { tasks, origins }: Pick<DurableTrainingDeps, 'tasks' | 'origins'>,
): TrainState['settings'] {
  const free: readonly string[] = [
    'checkpointEvery',
    'keepCheckpoints',
    'keepEvery',
    'hashEvery',
    'recompute',
    'stepLogprobs',
  ];
  const names = (Object.keys(trainConfig.shape) as (keyof TrainConfig)[]).filter(
    (name) => !free.includes(name),
  );
  const settings = names.map((name) => [
    name,
    JSON.stringify(name === 'advantage' ? advantageOf(config) : config[name]),
  ]);
  const told = [...tasks].sort(([a], [b]) => (a < b ? -1 : 1));
  const instructions = JSON.stringify(told.map(([name, task]) => [name, task.instructions]));
  const shown = told.flatMap(([name, { examples = [] }]) => (examples.length > 0 ? [[name, examples]] : []));
  return {
    ...Object.fromEntries(settings),
    instructions,
    // Checkpoints of runs without any are as they were.
    ...(shown.length > 0 && { examples: JSON.stringify(shown) }),
    ...origins,
  };
}

/**
 * Which advantage it is, wherever its module lies. Whether that is still the same module is found out before
 * the run is opened, and each update says which it was made with.
 */
function advantageOf({ advantage }: TrainConfig): unknown {
  if (typeof advantage === 'string') return advantage;
  const { path, export: name, settings } = advantage;
  return { module: basename(path), export: name, settings };
}

function checkSettings(found: TrainState['settings'], now: TrainState['settings'], path: string): void {
  // Before there were adapters, no checkpoint named what was trained.
  const recorded: TrainState['settings'] = { parameters: JSON.stringify({ kind: 'full' }), ...found };
  const changed = [...new Set([...Object.keys(recorded), ...Object.keys(now)])].filter(
    (name) => recorded[name] !== now[name],
  );
  if (changed.length === 0) return;
  const each = changed.map(
    (name) => `${name} was ${recorded[name] ?? 'not there'} and is ${now[name] ?? 'not there'}`,
  );
  throw new ConfigError(
    `${path}: this run was trained with other settings (${each.join('; ')}). Its weights are a function of its settings: ` +
      'set them back, or start another run (a replay from `scored` trains on the same records)',
  );
}
