import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ConfigError, TransportError } from '../../../src/errors.ts';
import { openChecksums } from '../../../src/topics/embedded/checksums.ts';
import { LogFile } from '../../../src/topics/embedded/log-file.ts';
import { processIdentity } from '../../../src/topics/embedded/process-identity.ts';
import { murmur2, partitionOf } from '../../../src/topics/partition-of.ts';
import type { InputPartition, Transport } from '../../../src/topics/transport.ts';
import { pause } from '../../patience.ts';
import { collect, output, text } from '../contract/given.ts';
import { type EmbeddedFolder, embeddedFolder, fillUp } from './embedded-folder.ts';

let runs: EmbeddedFolder;

beforeEach(() => {
  runs = embeddedFolder();
});

afterEach(() => runs.cleanup());

async function open(...options: Parameters<EmbeddedFolder['open']>): Promise<Transport> {
  const transport = await runs.open(...options);
  await transport.ensureTopics([
    { name: 'in', partitions: 1 },
    { name: 'out', partitions: 1 },
  ]);
  return transport;
}

async function own(transport: Transport): Promise<InputPartition> {
  const { signal } = new AbortController();
  for await (const input of transport.subscribe({ group: 'g', topic: 'in', signal })) return input;
  throw new Error('no partition came');
}

const checksums = await openChecksums();

/** The LMDB file of a run, shared with the transports that this process has opened. */
function fileOf(run: string): LogFile {
  const folder = `${runs.folder}/${run}/log`;
  return LogFile.open({ run, folder, access: 'write', mapBytes: 2 ** 24, durable: true, checksums });
}

describe('time', () => {
  test('never goes back within a partition, and finds the first record at or after it', async () => {
    const clock = [1000, 1005, 900, 1005, 2000];
    const transport = await open('a', { now: () => clock.shift() as number });
    for (const value of ['a', 'b', 'c', 'd', 'e']) await transport.append([output('in', 'k', value)]);
    const times = (await collect(transport, 'in', 5)).map((entry) => entry.time);
    expect(times).toEqual([1000, 1005, 1005, 1005, 2000]);
    const from = async (time: number): Promise<string> =>
      (await collect(transport, 'in', Number.POSITIVE_INFINITY, { from: { time } })).map(text).join('');
    expect(await Promise.all([0, 1000, 1001, 1005, 1006, 2000, 2001].map(from))).toEqual([
      'abcde',
      'abcde',
      'bcde',
      'bcde',
      'e',
      'e',
      '',
    ]);
  });
});

describe('keys', () => {
  test('are hashed as Kafka hashes them', () => {
    // From Kafka's own test of Utils.murmur2 (org.apache.kafka.common.utils.UtilsTest).
    const known: [string, number][] = [
      ['21', -973932308],
      ['foobar', -790332482],
      ['a-little-bit-long-string', -985981536],
      ['a-little-bit-longer-string', -1486304829],
      ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
      ['abc', 479470107],
    ];
    expect(known.map(([key]) => murmur2(Buffer.from(key)))).toEqual(known.map(([, hash]) => hash));
    expect(partitionOf('foobar', 7)).toBe((-790332482 & 0x7fffffff) % 7);
    expect(partitionOf('foobar', 1)).toBe(0);
  });
});

describe('what cannot be right is refused', () => {
  test('names that could leave the folder', async () => {
    for (const run of ['', '.', '..', 'a/b', 'a b', 'x'.repeat(101)]) {
      await expect(runs.open(run)).rejects.toThrow(ConfigError);
    }
    const transport = await open('a');
    await expect(transport.ensureTopics([{ name: 'a/b', partitions: 1 }])).rejects.toThrow(/topic name/);
    await expect(transport.ensureTopics([{ name: 'zero', partitions: 0 }])).rejects.toThrow(/1 to 1024/);
    await expect(transport.topics('../a')).rejects.toThrow(/run name/);
  });

  test('a position and progress that the log does not have', async () => {
    const transport = await open('a');
    await transport.append([output('in', 'k', 'v')]);
    const input = await own(transport);
    for (const offset of [-1, 0.5, Number.NaN]) expect(() => input.seek(offset)).toThrow(TransportError);
    input.seek(7);
    await expect(input.pull(1, 0)).rejects.toThrow(/from 0 to 1, the end, found 7/);
    for (const next of [2, -1, 0.5]) await expect(input.commit(next, [])).rejects.toThrow(/from 0 to 1/);
    await expect(collect(transport, 'in', 1, { from: { offset: 9 } })).rejects.toThrow(
      /from 0 to 1, found 9/,
    );
    expect(await transport.committed('g', 'in')).toEqual([0]);
  });

  test('records and keys that are too long, with the rest of their commit', async () => {
    const transport = await open('a', { maxRecordBytes: 2000 });
    const large = transport.append([output('in', 'k', 'fits'), output('in', 'q17', 'x'.repeat(2001))]);
    await expect(large).rejects.toThrow(/in, key "q17": .*2000 bytes \(maxRecordBytes.*found 2001/);
    await expect(transport.append([output('in', 'x'.repeat(65536), 'v')])).rejects.toThrow(
      /key of at most 65535/,
    );
    expect((await transport.topics())[0]?.offsets).toEqual([{ start: 0, end: 0 }]);
  });

  test('writing through a transport that was opened for reading', async () => {
    const writer = await open('a');
    await writer.append([output('in', 'k', 'v')]);
    await writer.close();
    const tap = await runs.open('a', { access: 'read' });
    expect((await collect(tap, 'in', 1)).map(text)).toEqual(['v']);
    await expect(tap.append([output('in', 'k', 'v')])).rejects.toThrow(/reading only/);
    await expect(own(tap)).rejects.toThrow(/reading only/);
    await expect(tap.ensureTopics([{ name: 'new', partitions: 1 }])).rejects.toThrow(/reading only/);
    // The same process may then write: LMDB knows one environment per file and process.
    const again = await open('a');
    await again.append([output('in', 'k', 'w')]);
    expect((await collect(tap, 'in', 2)).map(text)).toEqual(['v', 'w']);
  });
});

describe('a log that is full', () => {
  test('refuses an append as a whole, keeps what it has, and goes on when it may grow', async () => {
    const small = await open('a', { maxLogBytes: 1024 * 1024 });
    const page = Array.from({ length: 20 }, (_, i) => output('in', 'k', `${i}`.padEnd(1000, '.')));
    const filled = fillUp(small, page);
    await expect(filled.failed).rejects.toThrow(TransportError);
    const appended = filled.count;
    await expect(small.append(page)).rejects.toThrow(/is full: .*raise transport\.maxLogBytes/);
    expect(appended).toBeGreaterThan(100);
    expect((await small.topics())[0]?.offsets).toEqual([{ start: 0, end: appended }]);
    const input = await own(small);
    await expect(input.commit(5, page)).rejects.toThrow(/is full/);
    expect(await small.committed('g', 'in')).toEqual([0]);
    const larger = await open('a', { maxLogBytes: 4 * 1024 * 1024 });
    await larger.append(page);
    expect(await collect(larger, 'in', Number.POSITIVE_INFINITY)).toHaveLength(appended + page.length);
    const file = fileOf('a');
    expect(file.size()).toBeLessThan(4 * 1024 * 1024);
    file.close();
  });
});

describe('transactions', () => {
  test('are shared by what is written at the same time, and one that is refused spoils no other', async () => {
    const transport = await open('a');
    await transport.append([output('in', 'k', 'v')]);
    const fenced = await own(transport);
    const owner = await own(transport);
    const file = fileOf('a');
    const transactions = (): number => (file.db.getStats() as { lastTxnId: number }).lastTxnId;
    const before = transactions();
    const writes = await Promise.allSettled([
      ...Array.from({ length: 10 }, (_, i) => transport.append([output('out', 'k', `${i}`)])),
      fenced.commit(1, [output('out', 'k', 'never')]),
      owner.commit(1, [output('out', 'k', 'last')]),
    ]);
    expect(writes.map((write) => write.status)).toEqual([
      ...Array(10).fill('fulfilled'),
      'rejected',
      'fulfilled',
    ]);
    expect(transactions()).toBe(before + 1);
    expect((await collect(transport, 'out', 11)).map(text)).toEqual(
      [...Array(10).keys(), 'last'].map(String),
    );
    file.close();
  });

  test('are not held up by a reader that pauses: it holds no snapshot', async () => {
    const transport = await open('a');
    await transport.append(Array.from({ length: 50 }, (_, i) => output('in', 'k', `${i}`)));
    const file = fileOf('a');
    /** LMDB lists a reader's transaction in its last column, '-' when it has none. */
    const held = (): string[] =>
      file.db
        .readerList()
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.trim().split(/\s+/).at(-1) as string);
    for await (const _ of transport.read('in', { follow: true })) {
      await pause(1);
      expect(held().filter((transaction) => transaction !== '-')).toEqual([]);
      break;
    }
    expect(held().length).toBeGreaterThan(0);
    file.close();
  });

  test('take no more into memory at once than a page', async () => {
    const transport = await open('a', { pageBytes: 4096 });
    await transport.append(Array.from({ length: 40 }, (_, i) => output('in', 'k', `${i}`.padEnd(1000, '.'))));
    const input = await own(transport);
    const pulls: number[] = [];
    while (input.position < 40) pulls.push((await input.pull(100, 0)).length);
    expect(Math.max(...pulls)).toBeLessThanOrEqual(5);
    expect(await collect(transport, 'in', Number.POSITIVE_INFINITY)).toHaveLength(40);
  });
});

test('a process is known by more than its id', () => {
  const own = processIdentity(process.pid);
  expect(own).toBe(processIdentity(process.pid));
  expect(own).toContain(`${process.pid}`);
  expect(processIdentity(process.ppid)).not.toBe(own);
  // Ids end at 2^22 on 64-bit Linux (proc(5), pid_max).
  expect(processIdentity(2 ** 22 + 1)).toBeNull();
});
