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
import { embeddedConfig, openEmbeddedLog } from '../src/topics/embedded/embedded-log.ts';
import type { InputPartition, Output } from '../src/topics/transport.ts';

const RECORDS = Number(process.argv[2] ?? 20_000);
const PER_TRANSACTION = 100;
const SIZES = [200, 1000, 5000];
const WARM_UP = 2;
const ROUNDS = 7;
/** The least share of the bare rate that the log must reach. */
const REQUIRED = 0.5;

const folder = mkdtempSync(join(tmpdir(), 'swirl-bench-'));
const median = (numbers: number[]): number =>
  [...numbers].sort((a, b) => a - b)[numbers.length >> 1] as number;

/** Runs `work` and returns records per second. */
async function rate(work: () => Promise<void> | void): Promise<number> {
  const begin = performance.now();
  await work();
  return (RECORDS / (performance.now() - begin)) * 1000;
}

async function compare(size: number): Promise<number> {
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
  rates.read.push(
    await rate(async () => {
      let count = 0;
      for await (const _ of transport.read('out')) if (++count === RECORDS) break;
    }),
  );
  stop.abort();
  await transport.close();
  await bare.close();
  const [bareRate, logRate] = [median(rates.bare), median(rates.log)];
  console.log(
    `${`${size}`.padStart(6)} bytes: bare lmdb ${Math.round(bareRate)} records/s, embedded log ${Math.round(logRate)}, ` +
      `ratio ${(logRate / bareRate).toFixed(2)}; read ${Math.round(median(rates.read))} records/s`,
  );
  return logRate / bareRate;
}

try {
  console.log(`node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, disk of ${tmpdir()}`);
  console.log(
    `${RECORDS} records a round, ${PER_TRANSACTION} a durable transaction, median of ${ROUNDS} rounds`,
  );
  const ratios: number[] = [];
  for (const size of SIZES) ratios.push(await compare(size));
  const least = Math.min(...ratios);
  console.log(
    `least ratio ${least.toFixed(2)}, required ${REQUIRED}: ${least >= REQUIRED ? 'reached' : 'NOT REACHED'}`,
  );
  if (least < REQUIRED) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
