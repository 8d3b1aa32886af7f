import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { open } from 'lmdb';
import { TransportError } from '../../../src/errors.ts';
import { BrokenPages } from '../../../src/topics/embedded/lmdb-meta.ts';
import { checkPages } from '../../../src/topics/embedded/lmdb-pages.ts';
import { MARKER_KEY } from '../../../src/topics/embedded/log-format.ts';
import { collect, output, text } from '../contract/given.ts';
import { type EmbeddedFolder, embeddedFolder, fillUp } from './embedded-folder.ts';

const PAGE = 8192;
const isRoot = process.getuid?.() === 0;

let runs: EmbeddedFolder;
const logOf = (run: string): string => join(runs.folder, run, 'log');
const dataOf = (run: string): string => join(logOf(run), 'data.mdb');

beforeEach(() => {
  runs = embeddedFolder();
});

afterEach(() => runs.cleanup());

/** A closed log with 300 records, some larger than a page. */
async function make(run: string, of = runs): Promise<void> {
  const transport = await of.open(run);
  await transport.ensureTopics([{ name: 'in', partitions: 1 }]);
  const records = Array.from({ length: 300 }, (_, i) =>
    output('in', 'k', `${i}`.padEnd(i % 10 === 0 ? 9000 : 300, '.')),
  );
  for (let at = 0; at < records.length; at += 20) await transport.append(records.slice(at, at + 20));
  await transport.close();
}

async function refused(run: string, message: RegExp, access?: 'read'): Promise<void> {
  const opening = runs.open(run, access === undefined ? {} : { access });
  await expect(opening).rejects.toThrow(TransportError);
  await expect(opening).rejects.toThrow(message);
}

describe('a folder that is not a log of this run', () => {
  test.each<[string, (file: string) => void, RegExp]>([
    ['text', (file) => writeFileSync(file, 'hello'), /damaged: it ends at byte 5/],
    ['nothing', (file) => truncateSync(file, 0), /damaged: it ends at byte 0/],
    [
      'garbage',
      (file) => writeFileSync(file, Buffer.alloc(300_000, 0x5a)),
      /damaged: it does not begin like an LMDB file/,
    ],
    [
      'zeros',
      (file) => writeFileSync(file, Buffer.alloc(300_000)),
      /damaged: it does not begin like an LMDB file/,
    ],
    [
      'half of it',
      (file) => truncateSync(file, statSync(file).size / 2),
      /damaged: page \d+ is missing|damaged: a value in pages/,
    ],
    ['its header', (file) => truncateSync(file, 2 * PAGE), /damaged: page \d+ is missing/],
    ['a header and garbage', (file) => spoil(file, 2 * PAGE, 0x5a), /damaged: page \d+ says that it is page/],
    ['a header and zeros', (file) => spoil(file, 2 * PAGE, 0), /damaged: page \d+ says that it is page 0/],
  ])('%s instead of the data', async (_, damage, message) => {
    await make('a');
    damage(dataOf('a'));
    const before = readFileSync(dataOf('a'));
    await refused('a', message);
    await refused('a', message, 'read');
    expect(readFileSync(dataOf('a')).equals(before)).toBe(true);
  });

  const accesses = ['write', 'read'] as const;
  test.each(accesses)(
    'damaged anywhere: refused or usable, and the process lives (to %s)',
    async (access) => {
      await make('a');
      const child = inChild(['damage', runs.folder, 'a', '60', access]);
      expect({ ...child, output: undefined, stdout: child.stdout.slice(-200) }).toMatchObject({
        status: 0,
        signal: null,
      });
      expect(Number(/refused (\d+)/.exec(child.stdout)?.[1])).toBeGreaterThan(20);
    },
  );

  test.each(accesses)(
    'a bit flipped anywhere: refused, with the place, or as it was (to %s)',
    async (access) => {
      await make('a');
      const transport = await runs.open('a');
      await transport.ensureTopics([{ name: 'wide', partitions: 3 }]);
      const wide = Array.from({ length: 60 }, (_, i) => output('wide', `q${i}`, `${i}`.padEnd(100, '-')));
      await transport.append(wide);
      const signal = new AbortController();
      for await (const input of transport.subscribe({ group: 'work', topic: 'in', signal: signal.signal })) {
        await input.commit(50, [output('wide', 'done', 'x')]);
        break;
      }
      signal.abort();
      await transport.close();
      const child = inChild(['flips', runs.folder, 'a', '60', access]);
      expect(child).toMatchObject({ status: 0, signal: null });
      expect(child.stdout).toMatch(/^\{"refused":\d+,"same":\d+\}\n$/);
      expect(JSON.parse(child.stdout).refused).toBeGreaterThan(25);
    },
  );

  test('a log in use is never taken for a damaged one', async () => {
    const transport = await runs.open('a', { durable: false });
    await transport.ensureTopics([{ name: 'in', partitions: 3 }]);
    const file = openSync(dataOf('a'), 'r');
    for (let i = 0; i < 150; i++) {
      const sizes = Array.from(
        { length: i % 9 },
        (_, k) => ((i * 7919 + k * 104729) % (k === 3 ? 50_000 : 3000)) + 1,
      );
      await transport.append(sizes.map((size, k) => output('in', `q${i * k}`, 'x'.repeat(size))));
      checkPages(file, { attempts: 1 });
    }
    closeSync(file);
  });

  test('a large file is looked at without its leaves, unless it is too short', async () => {
    await make('a');
    const looking = (): void => {
      const file = openSync(dataOf('a'), 'r');
      try {
        checkPages(file, { wholeUpTo: 0 });
      } finally {
        closeSync(file);
      }
    };
    looking();
    const whole = readFileSync(dataOf('a'));
    truncateSync(dataOf('a'), whole.length - 3 * PAGE);
    expect(looking).toThrow(BrokenPages);
    whole.fill(0x5a, 2 * PAGE);
    writeFileSync(dataOf('a'), whole);
    expect(looking).toThrow(BrokenPages);
  });

  test('other files', async () => {
    mkdirSync(logOf('a'), { recursive: true });
    writeFileSync(join(logOf('a'), 'notes.txt'), 'mine');
    await refused('a', /expected|Expected a Swirl log or an empty folder.*found notes\.txt/);
    expect(readdirSync(logOf('a'))).toEqual(['notes.txt']);
  });

  test('an empty folder becomes a log', async () => {
    mkdirSync(logOf('a'), { recursive: true });
    await make('a');
    expect(readdirSync(logOf('a')).sort()).toEqual(['data.mdb', 'lock.mdb']);
    expect(readdirSync(join(runs.folder, 'a'))).toEqual(['log']);
  });

  test('an LMDB file of something else', async () => {
    mkdirSync(logOf('a'), { recursive: true });
    const other = open({ path: logOf('a'), noSubdir: false });
    await other.put('key', 'value');
    await other.close();
    await refused('a', /an LMDB file of something else/);
  });

  test('the log of another run, and one of a newer format', async () => {
    await make('a');
    cpSync(join(runs.folder, 'a'), join(runs.folder, 'b'), { recursive: true });
    await refused('b', /log of run "b" .*found that of run "a"/);
    const file = open<Buffer, Buffer>({
      path: logOf('a'),
      noSubdir: false,
      keyEncoding: 'binary',
      encoding: 'binary',
    });
    const marker = {
      ...JSON.parse(Buffer.from(file.getBinary(MARKER_KEY) as Buffer).toString()),
      version: 6,
    };
    await file.put(MARKER_KEY, Buffer.from(JSON.stringify(marker)));
    await file.close();
    await refused('a', /format 5 or older.*found format 6: a newer Swirl/);
  });

  test('no log at all, to read', async () => {
    await refused('a', /log of run "a" .*No run has a log/, 'read');
    expect(existsSync(join(runs.folder, 'a'))).toBe(false);
    await make('b');
    await refused('a', /Runs with a log there: b\./, 'read');
    const transport = await runs.open('b');
    await expect(collect(transport, 'in', 1, { run: 'a' })).rejects.toThrow(/Runs with a log there: b\./);
  });

  test('a file where the folder should be', async () => {
    writeFileSync(join(runs.folder, 'a'), 'not a folder');
    await refused('a', /making the log|No permission|failed/);
  });
});

describe('a log made by a process that was killed', () => {
  test('is whole or not there: what was left of the making does not matter', async () => {
    mkdirSync(join(runs.folder, 'a', `log.new-${process.pid}`), { recursive: true });
    writeFileSync(join(runs.folder, 'a', `log.new-${process.pid}`, 'data.mdb'), '');
    await make('a');
    const transport = await runs.open('a');
    expect(await collect(transport, 'in', Number.POSITIVE_INFINITY)).toHaveLength(300);
  });
});

const readOnly = mountable('a read-only mount');
describe('a folder that cannot be written', () => {
  (readOnly === '' ? test : test.skip)(`on a read-only disk is read, not written${readOnly}`, async () => {
    await make('a');
    const run = (argv: string[]) => expect(spawnSync('mount', argv).status).toBe(0);
    run(['--bind', runs.folder, runs.folder]);
    try {
      run(['-o', 'remount,ro,bind', runs.folder]);
      await refused('a', /No permission.*expected a folder that can be written/);
      await refused('b', /No permission.*expected a folder that can be written/);
      const tap = await runs.open('a', { access: 'read' });
      expect(await collect(tap, 'in', Number.POSITIVE_INFINITY)).toHaveLength(300);
      await tap.close();
      const again = await runs.open('a', { access: 'read' });
      expect((await again.topics())[0]?.offsets).toEqual([{ start: 0, end: 300 }]);
      await again.close();
    } finally {
      // Lazily: lmdb 3.5.6 keeps a file mapped that it opened without a lock file, until the process ends.
      spawnSync('umount', ['-l', runs.folder]);
    }
  });

  (isRoot ? test.skip : test)(
    `for lack of permission${isRoot ? ' (skipped: root may write everywhere)' : ''}`,
    async () => {
      await make('a');
      for (const path of [dataOf('a'), logOf('a'), runs.folder]) chmodSync(path, 0o555);
      try {
        await refused('a', /No permission.*expected a folder that can be written/);
        await refused('b', /No permission.*expected a folder that can be written/);
      } finally {
        for (const path of [runs.folder, logOf('a'), dataOf('a')]) chmodSync(path, 0o755);
      }
    },
  );
});

const tmpfs = mountable('a small tmpfs');
describe('a full disk', () => {
  (tmpfs === '' ? test : test.skip)(`stops appends and commits, and loses nothing${tmpfs}`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'swirl-full-'));
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]).status).toBe(0);
    const small = embeddedFolder(folder);
    try {
      const transport = await small.open('a');
      await transport.ensureTopics([{ name: 'in', partitions: 1 }]);
      const page = Array.from({ length: 10 }, (_, i) => output('in', 'k', `${i}`.padEnd(1000, '.')));
      const filled = fillUp(transport, page);
      await expect(filled.failed).rejects.toThrow(TransportError);
      await expect(filled.failed).rejects.toThrow(/The disk is full .*bytes free\)\. Nothing was lost/);
      const appended = filled.count;
      expect(appended).toBeGreaterThan(100);
      expect((await transport.topics())[0]?.offsets).toEqual([{ start: 0, end: appended }]);
      await transport.close();

      expect(spawnSync('mount', ['-o', 'remount,size=4m', folder]).status).toBe(0);
      const again = await small.open('a');
      await again.append(page);
      const values = (await collect(again, 'in', Number.POSITIVE_INFINITY))
        .map(text)
        .map((value) => value[0]);
      expect(values).toEqual(Array.from({ length: appended + page.length }, (_, i) => `${i % 10}`));
      await again.close();
    } finally {
      spawnSync('umount', [folder]);
      await small.cleanup();
    }
  });
});

/** Runs `log-child.ts`: damage may end a process. */
function inChild(argv: readonly string[]) {
  const script = fileURLToPath(new URL('./log-child.ts', import.meta.url));
  const cwd = fileURLToPath(new URL('../../../', import.meta.url));
  const options = { cwd, env: { ...process.env, NODE_OPTIONS: '' }, encoding: 'utf8' } as const;
  return spawnSync(process.execPath, ['--import', 'tsx', script, ...argv], options);
}

/** Empty where this process may mount; otherwise the reason for skipping, as part of the test's name. */
function mountable(what: string): string {
  if (!isRoot || process.platform !== 'linux') return ` (skipped: ${what} needs root on Linux)`;
  const folder = mkdtempSync(join(tmpdir(), 'swirl-mount-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
  if (status === 0) spawnSync('umount', [folder]);
  rmSync(folder, { recursive: true, force: true });
  return status === 0 ? '' : ` (skipped: this system does not allow ${what})`;
}

/** Overwrites everything from `start` on with one byte. */
function spoil(file: string, start: number, byte: number): void {
  const bytes = readFileSync(file);
  bytes.fill(byte, start);
  writeFileSync(file, bytes);
}
