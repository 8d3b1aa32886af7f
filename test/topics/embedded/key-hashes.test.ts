/** Looking records up by what their keys begin with gives what reading all of them gives. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { open } from 'lmdb';
import { verifyLog } from '../../../src/cli/verify-log.ts';
import { uniform } from '../../../src/random.ts';
import { openChecksums } from '../../../src/topics/embedded/checksums.ts';
import { embeddedConfig } from '../../../src/topics/embedded/embedded-config.ts';
import { indexLog } from '../../../src/topics/embedded/index-log.ts';
import { PIECE } from '../../../src/topics/embedded/key-hashes.ts';
import { LogFile } from '../../../src/topics/embedded/log-file.ts';
import { restoreLog } from '../../../src/topics/embedded/restore-log.ts';
import { WriteQueue } from '../../../src/topics/embedded/write-queue.ts';
import { arrayOf } from '../../../src/topics/read-records.ts';
import { rootOf } from '../../../src/topics/record-names.ts';
import type { LogEntry, LookUpOptions, Output, Transport } from '../../../src/topics/transport.ts';
import { type EmbeddedFolder, embeddedFolder } from './embedded-folder.ts';

let runs: EmbeddedFolder;
beforeEach(() => {
  runs = embeddedFolder();
});
afterEach(() => runs.cleanup());

const TOPICS = [
  { name: 'one', partitions: 1 },
  { name: 'three', partitions: 3 },
];
const RECORDS = 4 * PIECE + 123;

/** Names of questions, of their rollouts, and of what began again; some questions have many records. */
function outputs(count: number, seed: number): Output[] {
  let drawn = 0;
  const below = (n: number) => Math.floor(uniform(BigInt(seed), drawn++) * n);
  return Array.from({ length: count }, (_, i) => {
    const name = `q${below(2) === 0 ? below(5) : below(2000)}`;
    const key = [name, `${name}/${below(3)}`, `${name}/0~2.${below(3)}`][below(3)] as string;
    return { topic: below(3) === 0 ? 'three' : 'one', key, value: Buffer.from(`${i}`) };
  });
}

/** In transactions of different sizes, each by one of these. */
async function append(transports: readonly Transport[], all: readonly Output[]): Promise<void> {
  for (let at = 0, n = 0; at < all.length; n++) {
    const size = 1 + ((n * 37) % 400);
    await transports[n % transports.length]?.append(all.slice(at, at + size));
    at += size;
  }
}

const said = (entries: readonly LogEntry[]) =>
  entries.map(({ value, ...place }) => ({ ...place, value: Buffer.from(value).toString() }));

const lookedUp = (transport: Transport, topic: string, options: LookUpOptions) => {
  if (transport.lookUp === undefined) throw new Error('expected a transport that looks up');
  return arrayOf(transport.lookUp(topic, options));
};

async function expectAllFound(transport: Transport): Promise<void> {
  for (const { name } of await transport.topics()) {
    const all = await arrayOf(transport.read(name));
    for (const roots of [['q1'], ['q0', 'q77', 'q1999'], ['nobody'], []].map((names) => new Set(names))) {
      const wanted = all.filter(({ key }) => roots.has(rootOf(key)));
      const found = await lookedUp(transport, name, { roots });
      expect(said(found)).toEqual(said(wanted));
      const from = { offset: Math.floor(all.length / 9) };
      const some = wanted.filter(({ partition, offset }) => partition === 0 && offset >= from.offset);
      const later = await lookedUp(transport, name, { roots, from, partition: 0 });
      expect(said(later)).toEqual(said(some));
    }
  }
}

/** How many pieces there are; takes them all away where it is told. */
async function pieces(run: string, takeAway = false): Promise<number> {
  const db = open<Buffer, Buffer>({
    ...{ path: join(runs.folder, run, 'log'), noSubdir: false },
    ...({ keyEncoding: 'binary', encoding: 'binary' } as const),
  });
  const keys = [...db.getKeys({ start: Buffer.from([0]), end: Buffer.from([1]) })].map((key) =>
    Buffer.from(key),
  );
  if (takeAway) db.transactionSync(() => keys.forEach((key) => void db.removeSync(key)));
  await db.close();
  return keys.length;
}

const findings = async (run: string) =>
  (await arrayOf(verifyLog({ folder: runs.folder, run }))).map(({ part, state }) => `${part}: ${state}`);
const WHOLE = [
  'log: whole',
  'topic one: whole',
  ...[0, 1, 2].map((n) => `topic three, partition ${n}: whole`),
];

test('by two writers at once, by one that begins within a piece, and of gaps', async () => {
  const [first, second] = [await runs.open('a'), await runs.open('a')];
  await first.ensureTopics(TOPICS);
  await append([first, second], outputs(RECORDS, 1));
  await expectAllFound(first);
  await first.close();
  await second.close();
  expect(await pieces('a')).toBeGreaterThan(0);
  const third = await runs.open('a');
  await append([third], outputs(RECORDS, 2));
  await expectAllFound(third);
  const reader = await runs.open('a', { access: 'read' });
  await expectAllFound(reader);
  expect(await findings('a')).toEqual(WHOLE);
});

test('a transaction that comes to nothing leaves no hashes of what was not written', async () => {
  const transport = await runs.open('a');
  await transport.ensureTopics([{ name: 'one', partitions: 1 }]);
  const checksums = await openChecksums();
  const folder = join(runs.folder, 'a', 'log');
  const file = LogFile.open({
    run: 'a',
    folder,
    access: 'write',
    mapBytes: 2 ** 24,
    durable: false,
    checksums,
  });
  const queue = new WriteQueue({ file, maxLogBytes: 2 ** 30, now: () => 1 });
  const topic = { id: 1, name: 'one', partitions: 1 };
  const undone = queue.add({
    bytes: 1,
    apply: (appender) => {
      for (let i = 0; i < 10; i++)
        appender.append(topic, { topic: 'one', key: `gone${i}`, value: Buffer.of(1) });
      throw new Error('not now');
    },
  });
  await expect(undone).rejects.toThrow('not now');
  // Others come first, and then the one whose transaction came to nothing fills the piece.
  await transport.append(outputs(PIECE - 1, 3).map((output) => ({ ...output, topic: 'one' })));
  const last = { topic: 'one', key: 'q1/1', value: Buffer.of(2) };
  await queue.add({ bytes: 1, apply: (appender) => appender.append(topic, last) });
  file.close();
  await expectAllFound(transport);
  await transport.close();
  expect(await pieces('a')).toBe(1);
});

test('a log without them is looked up all the same, and gets them once, where there are many', async () => {
  const transport = await runs.open('a', { durable: false });
  await transport.ensureTopics(TOPICS);
  await append([transport], outputs(20 * PIECE, 4));
  await transport.close();
  const written = await pieces('a', true);
  expect(written).toBeGreaterThan(10);
  const reader = await runs.open('a', { access: 'read' });
  await expectAllFound(reader);
  await reader.close();
  const told: number[] = [];
  const index = () =>
    indexLog({
      ...{ run: 'a', folder: join(runs.folder, 'a', 'log'), mapBytes: 2 ** 30, durable: false },
      ...{ begin: (records: number) => void told.push(records), signal: new AbortController().signal },
    });
  await index();
  await index();
  expect(told).toEqual([written * PIECE]);
  expect(await pieces('a')).toBe(written);
  await expectAllFound(await runs.open('a', { access: 'read' }));
  expect(await findings('a')).toEqual(WHOLE);
});

test('of offsets without a record', async () => {
  const all = outputs(PIECE, 5).map(({ key, value }, i) => ({ offset: 3 * i, time: i, key, value }));
  const restorer = await restoreLog({
    ...{ run: 'a', folder: join(runs.folder, 'a', 'log'), hasGaps: true },
    config: embeddedConfig.parse({ durable: false }),
    topics: [{ name: 'in', partitions: 1, offsets: [{ start: 0, end: 3 * PIECE }] }],
  });
  for (let i = 0; i < all.length; i += 300) await restorer.put('in', 0, all.slice(i, i + 300));
  await restorer.finish([]);
  await expectAllFound(await runs.open('a', { access: 'read' }));
});

test('a flipped bit in them is an error, and never another answer', async () => {
  const transport = await runs.open('a', { durable: false });
  await transport.ensureTopics([{ name: 'one', partitions: 1 }]);
  await transport.append(
    Array.from({ length: PIECE }, (_, i) => ({ topic: 'one', key: 'q', value: Buffer.of(i) })),
  );
  await transport.close();
  const data = join(runs.folder, 'a', 'log', 'data.mdb');
  const bytes = readFileSync(data);
  const page = Buffer.alloc(8192);
  // The page of the piece: one hash 2,000 times.
  let at = -1;
  for (let start = 0; start < bytes.length; start += page.length) {
    const [one, two] = [bytes.readUInt32LE(start + 24), bytes.readUInt32LE(start + 24 + 4 * (PIECE - 1))];
    if (one === two && one !== 0) at = start;
  }
  bytes[at + 24 + 400] ^= 4;
  writeFileSync(data, bytes);
  const reader = await runs.open('a', { access: 'read' });
  expect(await arrayOf(reader.read('one'))).toHaveLength(PIECE);
  const looked = lookedUp(reader, 'one', { roots: new Set(['other']) });
  await expect(looked).rejects.toThrow(
    /hashes of topic one, partition 0, from offset 0 on: its bytes are not/,
  );
  await reader.close();
  expect(await findings('a')).toEqual(['log: whole', 'topic one: damaged']);
});
