/**
 * A process of its own that uses an embedded log, for the tests that kill it or run several at once:
 * `node --import tsx log-child.ts MODE FOLDER RUN [ARGUMENT] [ACCESS]`. It prints `ready` and what it did.
 */
import { closeSync, cpSync, fstatSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { TransportError } from '../../../src/errors.ts';
import { uniform } from '../../../src/random.ts';
import { embeddedConfig } from '../../../src/topics/embedded/embedded-config.ts';
import { openEmbeddedLog } from '../../../src/topics/embedded/embedded-log.ts';
import type { InputPartition, Output, Transport } from '../../../src/topics/transport.ts';

const [mode, folder, run, argument, access = 'write'] = process.argv.slice(2) as [
  string,
  string,
  string,
  string | undefined,
  ('read' | 'write')?,
];

const open = (name = run): Promise<Transport> =>
  openEmbeddedLog({ folder, run: name, config: embeddedConfig.parse({ pollMs: 5 }) });

/** Appends `ARGUMENT` records, named `RUN-PROCESS/0`, `/1`, and so on, in transactions of 1 to 9. */
async function feed(): Promise<void> {
  const transport = await open();
  const count = Number(argument);
  console.log('ready');
  for (let at = 0; at < count; ) {
    const size = Math.min(1 + (at % 9), count - at);
    await transport.append(Array.from({ length: size }, (_, i) => record('in', `${process.pid}/${at + i}`)));
    at += size;
  }
  await transport.close();
}

/**
 * Turns each record of `in` into one of `out` and one of `wide`, until killed or until `ARGUMENT` are done in
 * all.
 */
async function work(): Promise<void> {
  const transport = await open();
  const stop = new AbortController();
  const wanted = argument === undefined ? Number.POSITIVE_INFINITY : Number(argument);
  let done = 0;
  const workers: Promise<void>[] = [];
  const loop = async (input: InputPartition): Promise<void> => {
    done += input.position;
    while (done < wanted) {
      const entries = await input.pull(1 + (input.position % 5), 50);
      if (entries.length === 0) continue;
      const values = entries.map((entry) => Buffer.from(entry.value).toString());
      const outputs = values.flatMap((value) => [record('out', value), record('wide', value)]);
      await input.commit((entries.at(-1)?.offset ?? 0) + 1, outputs);
      done += entries.length;
    }
    stop.abort();
  };
  for await (const input of transport.subscribe({ group: 'work', topic: 'in', signal: stop.signal })) {
    if (workers.push(loop(input)) === 1) console.log('ready');
  }
  await Promise.all(workers);
  await transport.close();
}

/** Opens the log to read it, again and again, and looks at pieces of it until `out` has `ARGUMENT`. */
async function look(): Promise<void> {
  console.log('ready');
  for (let seen = 0; seen < Number(argument); ) {
    const transport = await openEmbeddedLog({
      folder,
      run,
      access: 'read',
      config: embeddedConfig.parse({}),
    });
    for (let again = 0; again < 20; again++) {
      for (const { name, offsets } of await transport.topics()) {
        const [{ end } = { end: 0 }] = offsets;
        const from = { offset: Math.floor(uniform(BigInt(end), again) * end) };
        for await (const _ of transport.read(name, { partition: 0, from, limit: 20 }));
        if (name === 'out') seen = end;
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await transport.close();
  }
}

/** Owns `in` for the group `work`, and does nothing more until killed. */
async function hold(): Promise<void> {
  const transport = await open();
  for await (const _ of transport.subscribe({
    group: 'work',
    topic: 'in',
    signal: new AbortController().signal,
  })) {
    console.log('ready');
    // A timer that never ends keeps the process alive.
    await new Promise(() => setInterval(() => {}, 600_000));
  }
}

/**
 * Damages copies of the log in `ARGUMENT` ways, opens each for `ACCESS`, and uses what opens. Prints how many
 * were refused with a TransportError; anything else, a signal most of all, ends the process differently.
 */
async function damage(): Promise<void> {
  let refused = 0;
  for (let seed = 0; seed < Number(argument); seed++) {
    const copy = join(folder, 'damaged');
    rmSync(copy, { recursive: true, force: true });
    cpSync(join(folder, run), join(copy, run), { recursive: true });
    spoil(join(copy, run, 'log', 'data.mdb'), seed);
    console.log(`seed ${seed}`);
    try {
      const config = embeddedConfig.parse({});
      const transport = await openEmbeddedLog({ folder: copy, run, access, config });
      for await (const entry of transport.read('in')) {
        if (access === 'write' && entry.offset % 50 === 0)
          await transport.append([record('in', `again/${entry.offset}`)]);
      }
      await transport.close();
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      refused++;
    }
  }
  console.log(`refused ${refused}`);
}

/**
 * Flips one bit in copies of the log, in `ARGUMENT` places, and reads all of each as a run would: records,
 * topics, progress. Prints how many were refused with a TransportError that names a place, how many were as
 * before, and which were neither.
 */
async function flips(): Promise<void> {
  const counts = { refused: 0, same: 0 };
  const before = await contents(folder);
  for (let seed = 0; seed < Number(argument); seed++) {
    const copy = join(folder, 'damaged');
    rmSync(copy, { recursive: true, force: true });
    cpSync(join(folder, run), join(copy, run), { recursive: true });
    const place = flip(join(copy, run, 'log', 'data.mdb'), seed);
    try {
      if ((await contents(copy)) === before) counts.same++;
      else console.log(`CHANGED by ${place}`);
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      if (/topic|page|progress|owner|marker|begin like an LMDB/.test(error.message)) counts.refused++;
      else console.log(`NO PLACE in ${error.message}`);
    }
  }
  console.log(JSON.stringify(counts));
}

/** All that a run would find there, as text. */
async function contents(of: string): Promise<string> {
  const transport = await openEmbeddedLog({ folder: of, run, access, config: embeddedConfig.parse({}) });
  try {
    const found: unknown[] = [await transport.topics(), await transport.committed('work', 'in')];
    for (const { name } of await transport.topics()) {
      for await (const entry of transport.read(name))
        found.push([entry.offset, entry.partition, entry.key, Buffer.from(entry.value).toString('latin1')]);
    }
    return JSON.stringify(found);
  } finally {
    await transport.close();
  }
}

/** Half of them in the pages of LMDB's headers and in the beginnings of pages, where structure is. */
function flip(path: string, seed: number): string {
  const file = openSync(path, 'r+');
  const { size } = fstatSync(file);
  const pick = (salt: number, below: number) => Math.floor(uniform(BigInt(seed), salt) * below);
  const pages = Math.floor(size / 8192);
  const page = seed % 4 === 0 ? pick(1, 2) : pick(2, pages);
  const at = seed % 2 === 0 ? page * 8192 + pick(3, page < 2 ? 160 : 64) : pick(4, size);
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, at);
  byte[0] ^= 1 << pick(5, 8);
  writeSync(file, byte, 0, 1, at);
  closeSync(file);
  return `seed ${seed}, byte ${at}`;
}

/** Cuts the file off, fills a page or a half with one byte, or overwrites a few bytes somewhere. */
function spoil(path: string, seed: number): void {
  const file = openSync(path, 'r+');
  const { size } = fstatSync(file);
  const at = (seed * 7_919 * 4096) % size;
  if (seed % 3 === 0) ftruncateSync(file, at + (seed % 4096));
  else if (seed % 3 === 1)
    writeSync(file, Buffer.alloc(4096 * (1 + (seed % 2)), seed % 5 === 0 ? 0 : seed), 0, undefined, at);
  else writeSync(file, Buffer.alloc(1 + (seed % 8), 0xff - seed), 0, undefined, (seed * 104_729) % size);
  closeSync(file);
}

function record(topic: string, value: string): Output {
  return { topic, key: value.split('/')[0], value: Buffer.from(value) };
}

await { feed, work, look, hold, damage, flips }[mode as 'feed']();
