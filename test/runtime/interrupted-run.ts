/** A run of a random topology in what would be a process of its own, and the ways in which it ends. */
import { join } from 'node:path';
import { Observable } from 'rxjs';
import { createReferenceEngine } from '../../src/engine/reference/engine.ts';
import { TransportError } from '../../src/errors.ts';
import { historyOf } from '../../src/own-stages/history.ts';
import { pipeline, scheduledStages } from '../../src/pipeline.ts';
import { Run } from '../../src/runtime/run.ts';
import { runtimeConfig } from '../../src/runtime/runtime-config.ts';
import type { Delivery, Finished, Stage } from '../../src/runtime/stage.ts';
import { type Codec, createCodec } from '../../src/topics/avro/codec.ts';
import { schemaIn } from '../../src/topics/avro/schemas.ts';
import type { SubTrajectory } from '../../src/topics/records.generated.ts';
import type { InputPartition, SubscribeOptions, Transport } from '../../src/topics/transport.ts';
import { topicSpecs } from '../../src/topology/flow.ts';
import { topicSchemas } from '../../src/topology/own-topics.ts';
import type { Topology } from '../../src/topology/topology.ts';
import { wholePolicy } from '../../src/train/checkpoint-form.ts';
import { trainStage } from '../../src/train/train-stage.ts';
import { trainTopics } from '../../src/train/train-topics.ts';
import { patiently, until } from '../patience.ts';
import { answer, call, question, step } from '../records.ts';
import { letters, smallDecoder, smallWeights } from '../train/small-world.ts';
import { besideStages } from './random-beside.ts';
import { type Flow, partsOf } from './random-topology.ts';
import { contextIndex } from './random-world.ts';

export interface Place {
  readonly flow: Flow;
  readonly topology: Topology;
  /** Of the run's checkpoints. */
  readonly folder: string;
  open(): Promise<Transport>;
}

export interface Setup extends Place {
  readonly transport: Transport;
  readonly codec: Codec;
  /** All of the topology and those beside it. */
  readonly stages: readonly Stage[];
  readonly scheduled: readonly string[];
  feed(ids: { readonly questions: readonly string[]; readonly contexts: readonly string[] }): Promise<void>;
  /** Stages that had more in flight than their window. */
  exceeded(): string[];
  close(): Promise<void>;
}

/** Opens it. `replayed`: only the training, on what this other run has in `scored`. */
export async function openSetup(
  place: Place,
  { replayed }: { readonly replayed?: string } = {},
): Promise<Setup> {
  const { flow, topology, folder } = place;
  const transport = await place.open();
  await transport.ensureTopics(topicSpecs(topology));
  const schemas = topicSchemas(topology);
  const codec = createCodec({ maxRecordBytes: 2 ** 20, topics: schemas });
  const exceeded = new Set<string>();
  const signal = new AbortController().signal;
  const { train, ...others } = topology.stages;
  const flowStages = await pipeline(
    { ...topology, stages: others },
    {
      ...{ parts: partsOf(flow), checkpoints: folder, signal },
      trainTopics: (of) => trainTopics({ transport, codec, ...of }),
      history: (of) => (at) => historyOf({ transport, codec, ...of }, at),
    },
  );
  const stages = [...(replayed === undefined ? [...flowStages, ...besideStages(flow)] : [])];
  const training =
    train === undefined ? null : await openTraining({ train, transport, codec, folder, replayed });
  if (training !== null) stages.push(training.stage);
  return {
    ...{ ...place, transport, codec },
    stages: stages.map((stage) => watched(stage, exceeded)),
    scheduled: scheduledStages(topology),
    feed: async ({ questions, contexts }) => {
      const output = (topic: string, record: object) => ({
        topic,
        key: schemaIn(schemas, topic).key(record),
        value: codec.encode(topic, record as never),
      });
      await transport.append([
        ...questions.map((id) => output('questions', question({ id, text: `what ${id}` }))),
        ...contexts.map((id) => output('contexts', contextOf(flow, id))),
      ]);
    },
    exceeded: () => [...exceeded],
    close: async () => {
      await training?.stage.close();
      await transport.close();
    },
  };
}

/** A step that another run has recorded. */
function contextOf(flow: Flow, id: string): SubTrajectory {
  const index = contextIndex(flow, id);
  return {
    ...{ id: `${id}/0/${index}`, trajectory: `${id}/0`, index, count: index + 1 },
    question: question({ id, text: `what ${id}` }),
    context: Array.from({ length: index }, (_, n) => step(call(`${n}+1`), `${n + 1}`)),
    action: answer('5'),
  };
}

interface TrainingOptions {
  readonly train: NonNullable<Topology['stages']['train']>;
  readonly transport: Transport;
  readonly codec: Codec;
  readonly folder: string;
  readonly replayed: string | undefined;
}

/** The training, of a very small policy that is shown the ends of what there is to say. */
async function openTraining({ train, transport, codec, folder, replayed }: TrainingOptions) {
  const engine = await createReferenceEngine(smallDecoder, smallWeights());
  const topic = 'scored';
  const stage = trainStage(train as Parameters<typeof trainStage>[0], {
    engine,
    reset: () => engine.setWeights(smallWeights()),
    form: wholePolicy({ path: folder, config: smallDecoder }),
    renderer: {
      render: (messages) =>
        letters.render(messages.map((one) => ({ ...one, content: one.content.slice(-6) }))),
    },
    tasks: new Map([['math', { instructions: 'go' }]]),
    checkpoints: join(folder, 'checkpoints'),
    ...{ run: transport.run, stage: 'train', topic, window: train.window },
    ...trainTopics({ transport, codec, stage: 'train', topic, run: replayed }),
  });
  const { window, writes } = train;
  const wiring = { name: 'train', reads: topic, writes, window };
  return {
    stage: { ...stage, ...wiring, ...(replayed !== undefined && { readsRun: replayed }) },
  };
}

/** The stage, which is told of when it has more in flight than its window. */
function watched(stage: Stage, exceeded: Set<string>): Stage {
  const counting = (partition: number) => (source: Observable<Delivery<never>>) => {
    let open = 0;
    const counted = new Observable<Delivery<never>>((subscriber) =>
      source.subscribe({
        next: (delivery) => {
          if (++open > stage.window) exceeded.add(stage.name);
          subscriber.next(delivery);
        },
        error: (error) => subscriber.error(error),
        complete: () => subscriber.complete(),
      }),
    );
    const operator = stage.operator(partition) as unknown as (of: unknown) => Observable<Finished>;
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
  return { ...stage, operator: counting as unknown as Stage['operator'] };
}

/** Dies at a commit: before the log has heard of it, or after it, with nobody left to hear that. */
class Killed extends TransportError {}

export interface How {
  readonly untilDrained: boolean;
  readonly kind?: 'stop' | 'abort' | 'kill' | 'kill unheard';
  /** The number of commits after which that happens. */
  readonly after?: number;
  /** The stages that this process runs; all by default. */
  readonly only?: (stage: string) => boolean;
}

export function startRun(setup: Setup, { untilDrained, kind, after = 0, only = () => true }: How) {
  const { flow, transport, codec, stages: all, scheduled } = setup;
  const stages = all.filter(({ name }) => only(name));
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
  const dying = withSubscribe(transport, async function* (options) {
    for await (const input of transport.subscribe(options)) {
      yield withCommit(input, (...of) => commit(input, ...of));
    }
  });
  const config = runtimeConfig.parse({ commit: flow.commit, drainCheckMs: 1, remoteCheckMs: 1 });
  const failures = all.some(({ reads }) => reads === 'failures') ? ['failures'] : [];
  const run = new Run(
    {
      ...{ stages, scheduled, untilDrained },
      flow: all.map((stage) => ({ ...stage, writes: [...stage.writes, ...failures] })),
      fed: ['questions', 'contexts'],
      ...{ stop: stop.signal, abort: abort.signal },
    },
    { transport: dying, codec, config, now: () => performance.now() },
  );
  const end = run.run().finally(() => {
    over = true;
  });
  end.catch(() => {});
  const holds = (name: string) => stages.some((stage) => stage.name === name && stage.holds === true);
  const idle = async () =>
    (await run.progress()).every(({ stage, backlog, inFlight }) => backlog === (holds(stage) ? inFlight : 0));
  return {
    end,
    /** Until so many commits were made, or the run is over. */
    commits: (count: number) => until('commits', () => over || commits >= count),
    /** Until it is over in its way; a run that has nothing more to commit is stopped. */
    ended: async () => {
      const told = () => due() && (kind === 'stop' || kind === 'abort');
      await until('the end, or nothing to do', async () => over || told() || (await idle()));
      // What is to be killed at its next commit may have none left.
      if (due() && kind === 'abort') abort.abort(new Error('abort'));
      else stop.abort(new Error('stop'));
      await patiently(
        'the end of a run',
        end.catch((error: unknown) => {
          if (!(error instanceof Killed)) throw error;
        }),
      );
    },
  };
}

/** The transport with another `subscribe`: its methods read private fields of the transport itself. */
function withSubscribe(
  transport: Transport,
  subscribe: (options: SubscribeOptions) => AsyncIterable<InputPartition>,
): Transport {
  return new Proxy(transport, {
    get: (target, name) => {
      if (name === 'subscribe') return subscribe;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** The input with another `commit`, in the same way. */
function withCommit(input: InputPartition, commit: InputPartition['commit']): InputPartition {
  return new Proxy(input, {
    get: (target, name) => {
      if (name === 'commit') return commit;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
