/**
 * What the Kafka transport adds to Kafka: records consumed, passed through and produced in transactions with
 * their progress, against bare kafkajs doing the same on the same broker in alternating rounds; and how long
 * a record takes from one end to the other when few come.
 *
 *   npx tsx bench/kafka.ts [records]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { startBroker } from '../scripts/kafka/broker.js';
import { ensureKafka, kafkaVersion, missing } from '../scripts/kafka/fetch.js';
import { kafkaConfig } from '../src/topics/kafka/kafka-config.ts';
import { openKafka } from '../src/topics/kafka/kafka-transport.ts';

const records = Number(process.argv[2] ?? 20_000);
const ROUNDS = 3;
const PER_TRANSACTION = 200;
const VALUE_BYTES = 1000;
const LATENCY_RECORDS = 100;
const LATENCY_EVERY_MS = 40;
const WAIT_MS = 100;

const why = missing();
if (why !== null) {
  process.stdout.write(`skipped: ${why}\n`);
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), 'swirl-bench-kafka-'));
const broker = await startBroker({
  libs: ensureKafka((line) => process.stderr.write(`${line}\n`)),
  data: folder,
});
const config = kafkaConfig.parse({ brokers: [broker.address], fetchWaitMs: WAIT_MS });
// At its best: by default it waits 300 ms whenever the transaction before is still being completed, as it
// mostly is.
const retry = { initialRetryTime: 4, multiplier: 1.2, maxRetryTime: 100, retries: 1000 };
const kafka = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING, retry });
type Transport = Awaited<ReturnType<typeof openKafka>>;
let runs = 0;

/** A run whose topic `in` holds the records. */
async function prepared(partitions: number, count: number): Promise<{ run: string; transport: Transport }> {
  const run = `bench-${++runs}`;
  const transport = await openKafka({ run, config });
  await transport.ensureTopics(['in', 'out'].map((name) => ({ name, partitions })));
  const value = Buffer.alloc(VALUE_BYTES, 'x');
  for (let at = 0; at < count; at += 1000) {
    const batch = Array.from({ length: Math.min(1000, count - at) }, (_, i) => ({
      topic: 'in',
      key: `q${at + i}`,
      value,
    }));
    await transport.append(batch);
  }
  return { run, transport };
}

/** Every record must have come through, once. */
async function check(transport: Transport, count: number): Promise<void> {
  const seen = new Set<string>();
  let total = 0;
  for await (const { key } of transport.read('out')) {
    seen.add(key);
    total++;
  }
  if (seen.size !== count || total !== count) {
    throw new Error(`expected ${count} records, found ${total} with ${seen.size} keys`);
  }
}

/** Seconds from the first record to the last commit, through the transport. */
async function ours(partitions: number): Promise<number> {
  const { transport } = await prepared(partitions, records);
  const over = new AbortController();
  let done = 0;
  let began = 0;
  const working: Promise<void>[] = [];
  for await (const input of transport.subscribe({ group: 'pass', topic: 'in', signal: over.signal })) {
    working.push(
      (async () => {
        while (done < records) {
          const entries = await input.pull(PER_TRANSACTION, WAIT_MS);
          const last = entries.at(-1);
          if (last === undefined) continue;
          if (began === 0) began = performance.now();
          await input.commit(
            last.offset + 1,
            entries.map(({ key, value }) => ({ topic: 'out', key, value })),
          );
          done += entries.length;
        }
      })(),
    );
    if (working.length === partitions) break;
  }
  await Promise.all(working);
  const seconds = (performance.now() - began) / 1000;
  over.abort();
  await check(transport, records);
  await transport.close();
  return seconds;
}

/** The same with kafkajs's own consumer and producers, one producer for each partition. */
async function bare(partitions: number): Promise<number> {
  const { run, transport } = await prepared(partitions, records);
  const topic = (name: string) => `swirl.${run}.${name}`;
  const groupId = `bare-${run}`;
  const producers = await Promise.all(
    Array.from({ length: partitions }, async (_, partition) => {
      const producer = kafka.producer({
        transactionalId: `${groupId}/${partition}`,
        idempotent: true,
        maxInFlightRequests: 1,
      });
      await producer.connect();
      return producer;
    }),
  );
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: WAIT_MS, readUncommitted: false });
  await consumer.connect();
  await consumer.subscribe({ topic: topic('in'), fromBeginning: true });
  let done = 0;
  let began = 0;
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: partitions,
        eachBatch: async ({ batch, resolveOffset, heartbeat }) => {
          if (began === 0) began = performance.now();
          for (let at = 0; at < batch.messages.length; at += PER_TRANSACTION) {
            const some = batch.messages.slice(at, at + PER_TRANSACTION);
            const last = some.at(-1) as (typeof some)[number];
            const producer = producers[batch.partition] as (typeof producers)[number];
            const transaction = await producer.transaction();
            await transaction.send({
              topic: topic('out'),
              messages: some.map(({ key, value }) => ({ key, value })),
            });
            const partitionsDone = [{ partition: batch.partition, offset: `${Number(last.offset) + 1}` }];
            await transaction.sendOffsets({
              consumerGroupId: groupId,
              topics: [{ topic: topic('in'), partitions: partitionsDone }],
            });
            await transaction.commit();
            resolveOffset(last.offset);
            await heartbeat();
            done += some.length;
          }
          if (done >= records) resolve();
        },
      })
      .catch(reject);
  });
  const seconds = (performance.now() - began) / 1000;
  await consumer.disconnect();
  for (const producer of producers) await producer.disconnect();
  await check(transport, records);
  await transport.close();
  return seconds;
}

/**
 * Milliseconds from the call that appends a record to its sight after one stage, per record, when few come.
 */
async function latencies(): Promise<number[]> {
  const { transport } = await prepared(1, 0);
  const over = new AbortController();
  const sent = new Map<string, number>();
  const took: number[] = [];
  const stage = (async () => {
    for await (const input of transport.subscribe({ group: 'pass', topic: 'in', signal: over.signal })) {
      while (!over.signal.aborted) {
        const entries = await input.pull(PER_TRANSACTION, WAIT_MS);
        const last = entries.at(-1);
        if (last === undefined) continue;
        await input.commit(
          last.offset + 1,
          entries.map(({ key, value }) => ({ topic: 'out', key, value })),
        );
      }
    }
  })();
  const reader = (async () => {
    for await (const { key } of transport.read('out', { follow: true, signal: over.signal })) {
      took.push(performance.now() - (sent.get(key) ?? 0));
      if (took.length === LATENCY_RECORDS) over.abort();
    }
  })();
  for (let i = 0; i < LATENCY_RECORDS; i++) {
    sent.set(`${i}`, performance.now());
    await transport.append([{ topic: 'in', key: `${i}`, value: Buffer.alloc(VALUE_BYTES) }]);
    await new Promise((resolve) => setTimeout(resolve, LATENCY_EVERY_MS));
  }
  await Promise.all([stage, reader]);
  await transport.close();
  return took.sort((a, b) => a - b);
}

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const rate = (seconds: number): string => Math.round(records / seconds).toLocaleString('en');

try {
  process.stdout.write(
    `Kafka ${kafkaVersion} on loopback, kafkajs 2.2.4, Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}\n` +
      `${records} records of ${VALUE_BYTES} bytes, ${PER_TRANSACTION} a transaction, ${ROUNDS} rounds of each in turn\n`,
  );
  for (const partitions of [1, 4]) {
    const times = { ours: [] as number[], bare: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      times.bare.push(await bare(partitions));
      times.ours.push(await ours(partitions));
    }
    const ratio = median(times.bare) / median(times.ours);
    process.stdout.write(
      `${partitions} partition${partitions > 1 ? 's' : ''}: bare kafkajs ${rate(median(times.bare))} records/s, ` +
        `the transport ${rate(median(times.ours))}, ratio ${ratio.toFixed(2)}\n`,
    );
  }
  const took = await latencies();
  const at = (share: number) => took[Math.floor(share * (took.length - 1))].toFixed(0);
  process.stdout.write(
    `end to end, a record every ${LATENCY_EVERY_MS} ms: append, one stage's transaction, a reader after it: ` +
      `median ${at(0.5)} ms, 95% within ${at(0.95)} ms, at most ${at(1)} ms\n`,
  );
} finally {
  await broker.kill();
  rmSync(folder, { recursive: true, force: true });
}
