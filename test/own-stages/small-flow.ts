/**
 * A stage of one's own on the embedded log: what it writes, and what becomes of it when it is stopped and
 * started.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from '@jest/globals';
import type { Observable } from 'rxjs';
import { historyOf } from '../../src/own-stages/history.ts';
import type { OwnPart } from '../../src/own-stages/own-part.ts';
import { type OwnStageSettings, ownStage } from '../../src/own-stages/own-stage.ts';
import type { StageCall } from '../../src/parts/calls.ts';
import { Run, type RunEnd } from '../../src/runtime/run.ts';
import { runtimeConfig } from '../../src/runtime/runtime-config.ts';
import { createCodec } from '../../src/topics/avro/codec.ts';
import { ownTopic } from '../../src/topics/avro/own-schema.ts';
import { builtInTopics, topicSchema } from '../../src/topics/avro/schemas.ts';
import { embeddedConfig } from '../../src/topics/embedded/embedded-config.ts';
import { openEmbeddedLog } from '../../src/topics/embedded/embedded-log.ts';
import { arrayOf, readRecords } from '../../src/topics/read-records.ts';
import type { Failure, Question } from '../../src/topics/records.generated.ts';
import type { Transport } from '../../src/topics/transport.ts';
import { question } from '../records.ts';

/** A topic with a schema of its own, whose records say which question they are of, and what. */
const note = {
  type: 'record',
  name: 'Note',
  fields: [
    { name: 'of', type: 'string' },
    { name: 'says', type: 'string', default: '' },
    { name: 'by', type: ['null', 'swirl.Origin'] },
  ],
};

const topics = new Map([
  ...builtInTopics,
  ['notes', ownTopic({ topic: 'notes', schema: note, key: 'of' })],
  ['others', { ...topicSchema('questions'), topic: 'others' }],
] as const);

/** What the stage of these tests reads. */
export type Questions = Observable<Question>;

export const codec = createCodec({ maxRecordBytes: 65_536, topics });
const config = runtimeConfig.parse({ commit: { records: 4, ms: 5 }, drainCheckMs: 2, remoteCheckMs: 5 });

export interface SmallFlow {
  readonly transport: Transport;
  /** What the user was told. */
  readonly told: string[];
  feed(ids: readonly string[]): Promise<void>;
  /** Runs the stage until its input is consumed, or the signal stops it at once. */
  run(operator: StageCall, options?: RunOptions): Promise<RunEnd>;
  notes(): Promise<string[]>;
  others(): Promise<string[]>;
  failures(): Promise<Failure[]>;
  close(): Promise<void>;
}

interface RunOptions {
  readonly settings?: Partial<OwnStageSettings> & {
    readonly lookback?: number | null;
    readonly window?: number;
  };
  readonly says?: OwnPart['says'];
  readonly abort?: AbortSignal;
  /** Called whenever an operator is made. */
  readonly onMake?: () => void;
}

const flows: SmallFlow[] = [];
afterEach(async () => {
  for (const flow of flows.splice(0)) await flow.close();
});

/** A flow of its own, until the test has ended. */
export async function smallFlow(): Promise<SmallFlow> {
  const folder = mkdtempSync(join(tmpdir(), 'swirl-own-stage-'));
  const transport = await openEmbeddedLog({
    folder,
    run: 'test',
    config: embeddedConfig.parse({ pollMs: 2 }),
  });
  await transport.ensureTopics([...topics.keys()].map((name) => ({ name, partitions: 1 })));
  const told: string[] = [];
  const read = (topic: string) => arrayOf(readRecords({ transport, codec }, topic));
  const flow: SmallFlow = {
    transport,
    told,
    feed: (ids) =>
      transport.append(
        ids.map((id) => ({
          topic: 'questions',
          key: id,
          value: codec.encode('questions', question({ id })),
        })),
      ),
    run: async (operator, { settings = {}, says = {}, abort, onMake } = {}) => {
      const { lookback = null, window = 8, ...rest } = settings;
      const config_ = {
        ...{
          reads: 'questions',
          writes: ['notes'],
          over: null,
          timeoutMs: 60_000,
          maxOutputs: 100,
          maxRebuilds: 16,
        },
        retry: { attempts: 2, backoffMs: 1, maxBackoffMs: 1 },
        ...rest,
      };
      const never = new AbortController().signal;
      const part: OwnPart = {
        says,
        origin: { module: 'mine.ts', export: 'default', hash: 'ab', settings: '{}' },
        where: 'stages.mine (mine.ts, export `default`)',
        make: async () => {
          onMake?.();
          return { operator, close: async () => {} };
        },
        close: async () => {},
      };
      const made = await ownStage(config_, {
        ...{ name: 'mine', part, topics, sleep: async () => {}, keep: (one) => one },
        notify: (message) => told.push(message),
        history: (at) => historyOf({ transport, codec, topic: config_.reads, lookback }, at),
      });
      const stage = { name: 'mine', reads: config_.reads, writes: config_.writes, window, ...made };
      const run = new Run(
        {
          ...{ stages: [stage], flow: [stage], scheduled: [], untilDrained: true },
          ...{ stop: never, abort: abort ?? never },
        },
        { transport, codec, config, now: () => performance.now(), notify: (message) => told.push(message) },
      );
      return run.run();
    },
    notes: async () =>
      ((await read('notes')) as { of: string; says: string }[]).map(({ of, says }) => `${of} ${says}`.trim()),
    others: async () => ((await read('others')) as Question[]).map(({ id }) => id),
    failures: async () => (await read('failures')) as Failure[],
    close: async () => {
      await transport.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  flows.push(flow);
  return flow;
}

/** What throws when it is looked at. */
export function trapped(): object {
  const get = () => {
    throw new Error('do not look');
  };
  return Object.defineProperty({}, 'of', { get, enumerable: true });
}

/** `q0`, `q1`, ... */
export function ids(count: number, first = 0): string[] {
  return Array.from({ length: count }, (_, i) => `q${first + i}`);
}
