/**
 * A worker process on Kafka, for the tests that kill, pause and stop it: the real runtime with two small
 * stages, until it gets a signal. `node --import tsx kafka-child.ts CONFIG RUN`; it prints `ready` when it
 * has begun.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { perRecord } from '../../../src/runtime/per-record.ts';
import { Run } from '../../../src/runtime/run.ts';
import { runtimeConfig } from '../../../src/runtime/runtime-config.ts';
import type { Emission, Stage } from '../../../src/runtime/stage.ts';
import { decode, encode } from '../../../src/topics/avro/codec.ts';
import { kafkaConfig } from '../../../src/topics/kafka/kafka-config.ts';
import { openKafka } from '../../../src/topics/kafka/kafka-transport.ts';
import type { Question, Turn } from '../../../src/topics/records.generated.ts';

const [config = '', run = ''] = process.argv.slice(2);
const retry = { attempts: 1, backoffMs: 1, maxBackoffMs: 1 };
const sleep = async () => {};

/** Each record takes a little while, not all the same. */
const work = ({ id }: { id: string }, signal: AbortSignal) =>
  delay(2 + ((id.length * 7 + id.charCodeAt(1)) % 9), undefined, { signal });

const start = perRecord<Question>(
  async (question, signal) => {
    await work(question, signal);
    return [0, 1].map((index): Emission => {
      const trajectory = `${question.id}/${index}`;
      return {
        topic: 'turns',
        key: trajectory,
        value: { id: `${trajectory}/0`, trajectory, question, steps: [] },
      };
    });
  },
  { stage: 'start', retry, sleep },
);

const rollout = perRecord<Turn>(
  async (turn, signal) => {
    await work(turn, signal);
    const { trajectory: id, question } = turn;
    const value = { id, question, steps: [], end: 'OUT_OF_STEPS' as const, answer: null };
    return [{ topic: 'trajectories', key: id, value }];
  },
  { stage: 'rollout', retry, sleep },
);

const stages = [
  { name: 'start', reads: 'questions', writes: ['turns'], window: 8, operator: () => start },
  { name: 'rollout', reads: 'turns', writes: ['trajectories'], window: 8, operator: () => rollout },
] as unknown as Stage[];

const transport = await openKafka({
  run,
  config: kafkaConfig.parse(JSON.parse(config)),
  notify: (message) => console.log(message),
});
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
console.log('ready');
await new Run(
  {
    stages,
    flow: stages,
    scheduled: [],
    untilDrained: false,
    stop: stop.signal,
    abort: new AbortController().signal,
  },
  {
    transport,
    codec: { encode, decode },
    config: runtimeConfig.parse({ commit: { records: 16, ms: 20 } }),
    now: () => performance.now(),
  },
).run();
await transport.close();
