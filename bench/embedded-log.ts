/**
 * The embedded log against bare lmdb that does the same durable transactions: records of one size, a hundred
 * a transaction, appended with the progress of an input. Rounds alternate, so that both meet the same disk.
 *
 *   npx tsx bench/embedded-log.ts [records per round]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { type Checksum, openChecksums } from '../src/topics/embedded/checksums.ts';
import { embeddedConfig } from '../src/topics/embedded/embedded-config.ts';
import { openEmbeddedLog } from '../src/topics/embedded/embedded-log.ts';
import type { InputPartition, Output } from '../src/topics/transport.ts';

const RECORDS = Number(process.argv[2] ?? 20_000);
const PER_TRANSACTION = 100;
const SIZES = [200, 1000, 5000];
const WARM_UP = 2;
const ROUNDS = 7;
/** The least share of the bare rate that the log must reach. */
const REQUIRED = 0.5;
/** The largest share of the time of reading that checksums may take. */
const ALLOWED = 0.05;

const folder = mkdtempSync(join(tmpdir(), 'swirl-bench-'));
const median = (numbers: number[]): number =>
  [...numbers].sort((a, b) => a - b)[numbers.length >> 1] as number;

/** Runs `work` and returns records per second. */
async function rate(work: () => Promise<void> | void): Promise<number> {
  const begin = performance.now();
  await work();
  return (RECORDS / (performance.now() - begin)) * 1000;
}

/** Seconds that the checksums of records take; the fastest of some rounds, as others share the cores. */
function summing(checksum: Checksum, size: number): number {
  // With the time, the key's length and the key.
  const packed = Array.from({ length: PER_TRANSACTION }, (_, i) => Buffer.alloc(size + 14, i));
  const seconds = Array.from({ length: WARM_UP + ROUNDS }, () => {
    const begin = performance.now();
    for (let at = 0; at < RECORDS; at++) checksum(packed[at % PER_TRANSACTION] as Buffer, at);
    return (performance.now() - begin) / 1000;
  });
  return Math.min(...seconds);
}

interface Compared {
  readonly ratio: number;
  /** Of the time of reading, what checksums take. */
  readonly share: number;
}

async function compare(size: number, checksum: Checksum): Promise<Compared> {
  const values = Array.from({ length: PER_TRANSACTION }, (_, i) => Buffer.alloc(size, i));
  const bare = open<Buffer, number | string>({
    path: join(folder, `bare-${size}`),
    noSubdir: false,
    encoding: 'binary',
    overlappingSync: false,
  });
  const transport = await openEmbeddedLog({
    folder,
    run: `log-${size}`,
    config: embeddedConfig.parse({ maxLogBytes: 2 ** 35 }),
  });
  await transport.ensureTopics([
    { name: 'in', partitions: 1 },
    { name: 'out', partitions: 1 },
  ]);
  await transport.append([{ topic: 'in', key: 'k', value: Buffer.from('an input') }]);
  const stop = new AbortController();
  let input: InputPartition | undefined;
  for await (const first of transport.subscribe({ group: 'bench', topic: 'in', signal: stop.signal })) {
    input = first;
    break;
  }

  let written = 0;
  const offset = Buffer.alloc(8);
  const bareRound = (): void => {
    for (let at = 0; at < RECORDS; at += PER_TRANSACTION) {
      bare.transactionSync(() => {
        for (const value of values) void bare.put(written++, value);
        offset.writeDoubleBE(written);
        void bare.put('progress', offset);
      });
    }
  };
  const outputs: Output[] = values.map((value, i) => ({ topic: 'out', key: `q${i}/0`, value }));
  const logRound = async (): Promise<void> => {
    for (let at = 0; at < RECORDS; at += PER_TRANSACTION) await input?.commit(1, outputs);
  };

  // The answer first: what was written in one round is there, in order, in both.
  bareRound();
  await logRound();
  let seen = 0;
  for await (const { offset, key, value } of transport.read('out')) {
    const at = seen % PER_TRANSACTION;
    const same = values[at]?.equals(value) && bare.getBinary(seen)?.equals(value);
    if (offset !== seen++ || key !== `q${at}/0` || !same) throw new Error(`record ${offset} is wrong`);
  }
  if (seen !== RECORDS) throw new Error(`expected ${RECORDS} records, found ${seen}`);

  // Both are compiled by the time that counts.
  for (let round = 0; round < WARM_UP; round++) {
    bareRound();
    await logRound();
  }
  const rates = { bare: [] as number[], log: [] as number[], read: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    rates.bare.push(await rate(bareRound));
    rates.log.push(await rate(logRound));
  }
  for (let round = 0; round < ROUNDS; round++) {
    rates.read.push(
      await rate(async () => {
        let count = 0;
        for await (const _ of transport.read('out')) if (++count === RECORDS) break;
      }),
    );
  }
  const share = (summing(checksum, size) * Math.max(...rates.read)) / RECORDS;
  stop.abort();
  await transport.close();
  await bare.close();
  const [bareRate, logRate] = [median(rates.bare), median(rates.log)];
  console.log(
    `${`${size}`.padStart(6)} bytes: bare lmdb ${Math.round(bareRate)} records/s, embedded log ${Math.round(logRate)}, ` +
      `ratio ${(logRate / bareRate).toFixed(2)}; read ${Math.round(median(rates.read))} records/s, ` +
      `checksums ${(100 * share).toFixed(1)}% of it`,
  );
  return { ratio: logRate / bareRate, share };
}

try {
  console.log(`node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, disk of ${tmpdir()}`);
  console.log(
    `${RECORDS} records a round, ${PER_TRANSACTION} a durable transaction, median of ${ROUNDS} rounds`,
  );
  const { nh } = await openChecksums();
  const compared: Compared[] = [];
  for (const size of SIZES) compared.push(await compare(size, nh));
  const least = Math.min(...compared.map(({ ratio }) => ratio));
  const most = Math.max(...compared.map(({ share }) => share));
  console.log(
    `least ratio ${least.toFixed(2)}, required ${REQUIRED}: ${least >= REQUIRED ? 'reached' : 'NOT REACHED'}`,
  );
  console.log(
    `largest share of checksums ${(100 * most).toFixed(1)}%, allowed ${100 * ALLOWED}%: ${most <= ALLOWED ? 'kept' : 'NOT KEPT'}`,
  );
  if (least < REQUIRED || most > ALLOWED) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
