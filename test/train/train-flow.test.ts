/** The train stage under the real runtime, on the embedded log. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { initialAdapters } from '../../src/engine/lora.ts';
import { createReferenceEngine } from '../../src/engine/reference/engine.ts';
import { Run } from '../../src/runtime/run.ts';
import { runtimeConfig } from '../../src/runtime/runtime-config.ts';
import type { Stage } from '../../src/runtime/stage.ts';
import { decode, encode } from '../../src/topics/avro/codec.ts';
import { embeddedConfig } from '../../src/topics/embedded/embedded-config.ts';
import { openEmbeddedLog } from '../../src/topics/embedded/embedded-log.ts';
import { arrayOf, readRecords } from '../../src/topics/read-records.ts';
import type { Scored, Update } from '../../src/topics/records.generated.ts';
import type { Transport } from '../../src/topics/transport.ts';
import { adaptersOn, wholePolicy } from '../../src/train/checkpoint-form.ts';
import { type TrainConfig, trainConfig } from '../../src/train/config.ts';
import { initialAdapterPolicy } from '../../src/train/initial-policy.ts';
import { loraShape } from '../../src/train/parameters.ts';
import { trainStage } from '../../src/train/train-stage.ts';
import { trainTopics } from '../../src/train/train-topics.ts';
import { letters, smallDecoder, smallWeights, tasks, trajectory } from './small-world.ts';

const codec = { encode, decode };
const config = trainConfig.parse({
  batch: { trajectories: 3 },
  epochs: 2,
  checkpointEvery: 2,
  maxRowTokens: 200,
});

let folder: string;
let transports: Transport[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'swirl-train-flow-'));
  transports = [];
});

afterEach(async () => {
  for (const transport of transports) await transport.close();
  rmSync(folder, { recursive: true, force: true });
});

async function open(run: string): Promise<Transport> {
  const transport = await openEmbeddedLog({ folder, run, config: embeddedConfig.parse({ pollMs: 2 }) });
  transports.push(transport);
  await transport.ensureTopics(['scored', 'updates', 'failures'].map((name) => ({ name, partitions: 1 })));
  return transport;
}

async function feed(transport: Transport, records: readonly Scored[]): Promise<void> {
  await transport.append(
    records.map((value) => ({
      topic: 'scored',
      key: value.subTrajectory.trajectory,
      value: encode('scored', value),
    })),
  );
}

interface Process {
  readonly transport: Transport;
  readonly run: string;
  readonly source?: string;
  readonly config?: TrainConfig;
  /** Abort the run when the engine has made this update. */
  readonly abortAt?: number;
}

async function runTrain({ transport, run, source, abortAt, ...rest }: Process) {
  const abort = new AbortController();
  const settings = rest.config ?? config;
  const lora = loraShape(settings.parameters);
  const engine = await createReferenceEngine(smallDecoder, smallWeights(), { lora });
  const initial = lora && initialAdapters(smallDecoder, lora, 1);
  if (initial) await engine.setWeights(initial);
  const origin = { path: folder, config: smallDecoder };
  const train = trainStage(settings, {
    engine,
    reset: () => engine.setWeights(initial ?? smallWeights()),
    initial: initial ? initialAdapterPolicy(engine, initial, { fresh: true }) : undefined,
    renderer: letters,
    form: lora ? adaptersOn(origin, lora) : wholePolicy(origin),
    tasks,
    checkpoints: join(folder, run, 'checkpoints'),
    run,
    stage: 'train',
    topic: 'scored',
    window: 20,
    ...trainTopics({ transport, codec, stage: 'train', topic: 'scored', run: source }),
    observer: {
      onUpdate: ({ step }) => {
        if (step === abortAt) abort.abort(new Error('stopped at once'));
      },
    },
  });
  const { close, ...made } = train;
  const stage = {
    name: 'train',
    reads: 'scored',
    writes: ['updates'],
    window: 20,
    ...(source === undefined ? {} : { readsRun: source }),
    ...made,
  } as unknown as Stage;
  const options = {
    stages: [stage],
    flow: [stage],
    scheduled: [],
    untilDrained: true,
    stop: new AbortController().signal,
    abort: abort.signal,
  };
  const runtime = runtimeConfig.parse({ commit: { records: 4, ms: 5 }, drainCheckMs: 2 });
  const end = await new Run(options, {
    transport,
    codec,
    config: runtime,
    now: () => performance.now(),
  }).run();
  await close();
  return { end, updates: await updatesOf(transport) };
}

function updatesOf(transport: Transport): Promise<Update[]> {
  return arrayOf(readRecords({ transport, codec }, 'updates'));
}

/** Thirty records, one of them a duplicate; one place in between holds bytes that are no record. */
async function fill(transport: Transport): Promise<void> {
  const records = Array.from({ length: 14 }, (_, n) =>
    trajectory(
      `q${n}/0`,
      [
        { text: 'ab', reward: n % 3 },
        { text: 'cd', reward: 1 },
      ],
      'abcdefghijklmn'.slice(n),
    ),
  ).flat();
  await feed(transport, records.slice(0, 9));
  await transport.append([{ topic: 'scored', key: 'x', value: Uint8Array.of(1, 2, 3) }]);
  await feed(transport, [...records.slice(9), ...records.slice(0, 1)]);
}

test('aborted at any update and run again: the updates and weights of a run that was not, and of its replay', async () => {
  const whole = await open('whole');
  await fill(whole);
  const { end, updates } = await runTrain({ transport: whole, run: 'whole' });
  expect(end).toBe('drained');
  expect(updates.map(({ step, epoch }) => [step, epoch])).toEqual(
    Array.from({ length: 10 }, (_, i) => [i + 1, i < 5 ? 0 : 1]),
  );
  const last = (await whole.topics()).find(({ name }) => name === 'scored')?.offsets[0]?.end;
  expect(await whole.committed('train', 'scored')).toEqual([last]);
  expect(await arrayOf(readRecords({ transport: whole, codec }, 'failures'))).toMatchObject([
    { id: 'train:scored:0:9', record: null },
  ]);

  for (const abortAt of [1, 3, 5, 6, 8, 10]) {
    const run = `aborted-${abortAt}`;
    const transport = await open(run);
    await fill(transport);
    expect((await runTrain({ transport, run, abortAt })).end).toBe('aborted');
    expect((await updatesOf(transport)).length).toBeLessThan(10);
    expect((await runTrain({ transport, run })).updates).toEqual(updates);
    expect(await arrayOf(readRecords({ transport, codec }, 'failures'))).toHaveLength(1);
  }

  const replay = await runTrain({ transport: await open('replay'), run: 'replay', source: 'whole' });
  expect(replay.updates).toEqual(updates);
});

test('adapters, aborted at any update and run again: those of a run that was not, and of its replay', async () => {
  const adapted = trainConfig.parse({
    ...config,
    epochs: 1,
    beta: 0.2,
    parameters: { kind: 'lora', rank: 2, targets: ['v_proj', 'up_proj'] },
  });
  const whole = await open('whole');
  await fill(whole);
  const { updates } = await runTrain({ transport: whole, run: 'whole', config: adapted });
  expect(updates).toHaveLength(5);
  expect(new Set(updates.map(({ weightsHash }) => weightsHash)).size).toBe(5);
  for (const abortAt of [1, 4]) {
    const run = `aborted-${abortAt}`;
    const transport = await open(run);
    await fill(transport);
    expect((await runTrain({ transport, run, abortAt, config: adapted })).end).toBe('aborted');
    expect((await runTrain({ transport, run, config: adapted })).updates).toEqual(updates);
  }
  const transport = await open('replay');
  const replay = await runTrain({ transport, run: 'replay', source: 'whole', config: adapted });
  expect(replay.updates).toEqual(updates);
});

test('published finds the last update, whatever lies around it', async () => {
  const transport = await open('whole');
  const topics = trainTopics({
    transport,
    codec,
    stage: 'train',
    topic: 'scored',
  });
  const stopping = new AbortController();
  const { signal } = stopping;
  expect(await topics.published(signal)).toEqual({ offset: 0, step: 0 });
  await fill(transport);
  await runTrain({ transport, run: 'whole' });
  const noise = Array.from({ length: 70 }, () => ({ topic: 'updates', key: 'x', value: Uint8Array.of(9) }));
  await transport.append(noise);
  expect(await topics.published(signal)).toEqual({ offset: 30, step: 10 });
  const some = await arrayOf(topics.reread({ from: 8, to: 12 }, signal));
  expect(some.map(({ offset }) => offset)).toEqual([8, 10, 11]);
  stopping.abort(new Error('stopped'));
  await expect(arrayOf(topics.reread({ from: 8, to: 12 }, signal))).rejects.toThrow('stopped');
});
