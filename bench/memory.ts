/**
 * Memory of the embedded log, or of the transport on Kafka, over 100,000 records: fed, consumed, committed to
 * another topic and tapped, all at once in one process. What the process holds for itself must stay flat; the
 * pages of the file that are mapped belong to the system's cache and are not counted.
 *
 *   npx tsx --expose-gc bench/memory.ts [records] [kafka]
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBroker } from '../scripts/kafka/broker.js';
import { ensureKafka, kafkaVersion } from '../scripts/kafka/fetch.js';
import { embeddedConfig } from '../src/topics/embedded/embedded-config.ts';
import { openEmbeddedLog } from '../src/topics/embedded/embedded-log.ts';
import { kafkaConfig } from '../src/topics/kafka/kafka-config.ts';
import { openKafka } from '../src/topics/kafka/kafka-transport.ts';
import type { Transport } from '../src/topics/transport.ts';

const RECORDS = Number(process.argv[2] ?? 100_000);
const KAFKA = process.argv[3] === 'kafka';
const SIZE = 1000;
const BATCH = 100;
const SAMPLES = 10;
/** How much more the process may hold at the end than after a fifth of the records. */
const ALLOWED_MIB = 32;

const MIB = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), 'swirl-bench-'));

/** JavaScript's heap and buffers, and on Linux the process's private memory, in MiB, after a collection. */
function memory(): { heap: number; private: number } {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  let anonymous = 0;
  try {
    anonymous = Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
  } catch {
    // Only Linux tells.
  }
  return { heap: (heapUsed + external) / MIB, private: anonymous };
}

async function feed(transport: Transport): Promise<void> {
  for (let at = 0; at < RECORDS; at += BATCH) {
    await transport.append(
      Array.from({ length: BATCH }, (_, i) => ({
        topic: 'in',
        key: `q${at + i}`,
        value: Buffer.alloc(SIZE, at + i),
      })),
    );
  }
}

async function consume(transport: Transport, onDone: (done: number) => void): Promise<void> {
  const stop = new AbortController();
  let done = 0;
  for await (const input of transport.subscribe({ group: 'bench', topic: 'in', signal: stop.signal })) {
    while (done < RECORDS) {
      const entries = await input.pull(BATCH, 1000);
      const last = entries.at(-1);
      if (last === undefined) continue;
      await input.commit(
        last.offset + 1,
        entries.map(({ key, value }) => ({ topic: 'out', key, value })),
      );
      done += entries.length;
      onDone(done);
    }
    stop.abort();
  }
}

async function tap(transport: Transport, signal: AbortSignal): Promise<number> {
  let seen = 0;
  for await (const entry of transport.read('out', { follow: true, signal })) {
    if (entry.value[0] !== seen % 256) throw new Error(`record ${seen} is wrong`);
    if (++seen === RECORDS) break;
  }
  return seen;
}

const broker = KAFKA ? await startBroker({ libs: ensureKafka(console.error), data: folder }) : null;
try {
  const transport = broker
    ? await openKafka({ run: 'memory', config: kafkaConfig.parse({ brokers: [broker.address] }) })
    : await openEmbeddedLog({ folder, run: 'memory', config: embeddedConfig.parse({}) });
  await transport.ensureTopics([
    { name: 'in', partitions: 1 },
    { name: 'out', partitions: 1 },
  ]);
  const samples: { done: number; heap: number; private: number }[] = [];
  let next = RECORDS / SAMPLES;
  const consumed = consume(transport, (done) => {
    if (done < next) return;
    samples.push({ done, ...memory() });
    next += RECORDS / SAMPLES;
  });
  const [, , tapped] = await Promise.all([
    feed(transport),
    consumed,
    tap(transport, new AbortController().signal),
  ]);
  const out = (await transport.topics()).find(({ name }) => name === 'out');
  const [{ end } = { end: 0 }] = out?.offsets ?? [];
  // On Kafka transactions' marks have offsets too.
  if (tapped !== RECORDS || (KAFKA ? end < RECORDS : end !== RECORDS))
    throw new Error(`expected ${RECORDS} records, found ${tapped} and ${end}`);
  await transport.close();
  console.log(
    `node ${process.version}, ${broker ? `Kafka ${kafkaVersion}` : 'the embedded log'}, ${RECORDS} records of ${SIZE} bytes, garbage ${globalThis.gc ? 'collected' : 'NOT collected'} before each look`,
  );
  for (const { done, heap, private: own } of samples) {
    console.log(
      `${`${done}`.padStart(8)} records: heap and buffers ${heap.toFixed(1)} MiB, private ${own.toFixed(0)} MiB`,
    );
  }
  const [early, late] = [samples[1], samples.at(-1)];
  if (early === undefined || late === undefined) throw new Error('too few samples');
  const growth = Math.max(late.heap - early.heap, late.private - early.private);
  console.log(
    `growth after the first fifth ${growth.toFixed(1)} MiB, allowed ${ALLOWED_MIB}: ${growth <= ALLOWED_MIB ? 'flat' : 'NOT FLAT'}`,
  );
  if (growth > ALLOWED_MIB) process.exitCode = 1;
} finally {
  await broker?.stop();
  rmSync(folder, { recursive: true, force: true });
}
