import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TransportError } from '../../../src/errors.ts';
import { checkPages } from '../../../src/topics/embedded/lmdb-pages.ts';
import type { Transport } from '../../../src/topics/transport.ts';
import { pause, until } from '../../patience.ts';
import { collect, text } from '../contract/given.ts';
import { type EmbeddedFolder, embeddedFolder } from './embedded-folder.ts';

const script = fileURLToPath(new URL('./log-child.ts', import.meta.url));
const checkout = fileURLToPath(new URL('../../../', import.meta.url));
/** How often the worker of the crash test is killed, and the records that each worker is given. */
const KILLS = 4;
const RECORDS_A_KILL = 400;

let runs: EmbeddedFolder;
let children: ChildProcess[];

beforeEach(() => {
  runs = embeddedFolder();
  children = [];
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await runs.cleanup();
});

/** Starts the child, and waits until it is ready. */
async function start(
  mode: string,
  run: string,
  argument?: number,
): Promise<{ child: ChildProcess; exited: Promise<unknown[]> }> {
  const argv = [
    '--import',
    'tsx',
    script,
    mode,
    runs.folder,
    run,
    ...(argument === undefined ? [] : [`${argument}`]),
  ];
  const child = spawn(process.execPath, argv, { cwd: checkout, env: { ...process.env, NODE_OPTIONS: '' } });
  children.push(child);
  const exited = once(child, 'exit');
  let said = '';
  child.stdout?.on('data', (data: Buffer) => {
    said += data;
  });
  child.stderr?.on('data', (data: Buffer) => {
    said += data;
  });
  await until(`the child that does ${mode}`, () => said.includes('ready') || child.exitCode !== null);
  if (!said.includes('ready')) throw new Error(`the child did not start: ${said}`);
  return { child, exited };
}

async function openRun(run: string, partitions: number): Promise<Transport> {
  const transport = await runs.open(run);
  await transport.ensureTopics([
    { name: 'in', partitions },
    { name: 'out', partitions: 1 },
    { name: 'wide', partitions: 3 },
    { name: 'noise', partitions: 1 },
  ]);
  return transport;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
const everything = async (transport: Transport, topic: string): Promise<string[]> =>
  (await collect(transport, topic, Number.POSITIVE_INFINITY)).map(text);

describe('processes that share a log', () => {
  test('killed at any moment: outputs and progress agree, and in the end each input has one output', async () => {
    const transport = await openRun('crash', 2);
    const ordered: [string[], string[]] = [[], []];
    let given = 0;
    const give = async (count: number) => {
      const inputs = Array.from({ length: count }, (_, i) => `${(given + i) % 50}/${given + i}`);
      given += count;
      await transport.append(
        inputs.map((value) => ({ topic: 'in', key: value.split('/')[0], value: Buffer.from(value) })),
      );
      for (const partition of [0, 1] as const) {
        const entries = await collect(transport, 'in', Number.POSITIVE_INFINITY, { partition });
        ordered[partition] = entries.map(text);
      }
    };

    // This process writes all the while, so that children die with it waiting for the lock.
    let noise = 0;
    let quiet = false;
    const noisy = (async () => {
      for (; !quiet; noise++)
        await transport.append([{ topic: 'noise', key: 'k', value: Buffer.from(`${noise}`) }]);
    })();

    try {
      // However fast a child is, each has records of its own to be killed over.
      for (let kills = 0; kills < KILLS; kills++) {
        const before = sum(await transport.committed('work', 'in'));
        await give(RECORDS_A_KILL);
        const { child, exited } = await start('work', 'crash');
        // Killed in the middle of its work: after it has committed something more, and a moment later.
        await until('a commit', async () => sum(await transport.committed('work', 'in')) > before);
        await pause(Math.random() * 25);
        child.kill('SIGKILL');
        await exited;

        const progress = await transport.committed('work', 'in');
        const expected = ordered.flatMap((values, partition) => values.slice(0, progress[partition]));
        for (const topic of ['out', 'wide']) {
          expect((await everything(transport, topic)).sort()).toEqual([...expected].sort());
        }
      }
      await give(RECORDS_A_KILL);
      const last = await start('work', 'crash', given);
      expect(await last.exited).toEqual([0, null]);
    } finally {
      quiet = true;
      await noisy;
    }
    expect(await everything(transport, 'noise')).toEqual(Array.from({ length: noise }, (_, i) => `${i}`));
    const done = await everything(transport, 'out');
    expect(done.length).toBe(given);
    for (const values of ordered) expect(done.filter((value) => values.includes(value))).toEqual(values);
  });

  test('two feeds, a run and a tap at once: nothing is lost, doubled or out of order', async () => {
    const transport = await openRun('busy', 2);
    const count = 200;
    const stop = new AbortController();
    const tapped: string[] = [];
    const tap = (async () => {
      for await (const entry of transport.read('out', { follow: true, signal: stop.signal }))
        tapped.push(text(entry));
    })();
    // The look at the pages before opening must not take another process's writing for damage.
    let quiet = false;
    const checks = (async () => {
      const file = openSync(join(runs.folder, 'busy', 'log', 'data.mdb'), 'r');
      let done = 0;
      for (; !quiet; done++) {
        checkPages(file);
        await pause(2);
      }
      closeSync(file);
      return done;
    })();
    const [first, second, worker, reader] = await Promise.all([
      start('feed', 'busy', count),
      start('feed', 'busy', count),
      start('work', 'busy', 2 * count),
      start('look', 'busy', 2 * count),
    ]);
    expect(await Promise.all([first, second, worker, reader].map(({ exited }) => exited))).toEqual([
      [0, null],
      [0, null],
      [0, null],
      [0, null],
    ]);
    await until('the tap to see everything', () => tapped.length === 2 * count);
    quiet = true;
    expect(await checks).toBeGreaterThan(0);
    stop.abort();
    await tap;
    for (const { child } of [first, second]) {
      const sent = Array.from({ length: count }, (_, i) => `${child.pid}/${i}`);
      for (const topic of ['in', 'out', 'wide']) {
        const got = (await everything(transport, topic)).filter((value) => value.startsWith(`${child.pid}/`));
        expect(got).toEqual(sent);
      }
      expect(tapped.filter((value) => value.startsWith(`${child.pid}/`))).toEqual(sent);
    }
    expect(sum(await transport.committed('work', 'in'))).toBe(2 * count);
  });

  test('a living owner is not pushed aside unless told so; a killed one is gone at once', async () => {
    const transport = await openRun('owned', 1);
    const { child, exited } = await start('hold', 'owned');
    const signal = new AbortController().signal;
    const claim = async (of: Transport) => {
      for await (const input of of.subscribe({ group: 'work', topic: 'in', signal })) return input;
      throw new Error('no partition came');
    };
    await expect(claim(transport)).rejects.toThrow(TransportError);
    await expect(claim(transport)).rejects.toThrow(new RegExp(`process ${child.pid}\\b`));

    const insistent = await runs.open('owned', { takeOver: true });
    expect((await claim(insistent)).position).toBe(0);
    child.kill('SIGKILL');
    await exited;
    expect((await claim(transport)).position).toBe(0);
  });
});
