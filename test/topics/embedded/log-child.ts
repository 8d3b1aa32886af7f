/**
 * A process of its own that uses an embedded log, for the tests that kill it or run several at once:
 * `node --import tsx log-child.ts MODE FOLDER RUN [ARGUMENT]`. It prints `ready` and what it did.
 */
import { closeSync, cpSync, fstatSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { TransportError } from '../../../src/errors.ts';
import { embeddedConfig, openEmbeddedLog } from '../../../src/topics/embedded/embedded-log.ts';
import type { InputPartition, Output, Transport } from '../../../src/topics/transport.ts';

const [mode, folder, run, argument] = process.argv.slice(2) as [string, string, string, string | undefined];

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
 * Damages copies of the log in `ARGUMENT` ways, opens each, and uses what opens. Prints how many were
 * refused with a TransportError; anything else, a signal most of all, ends the process differently.
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
      const transport = await openEmbeddedLog({ folder: copy, run, config: embeddedConfig.parse({}) });
      for await (const entry of transport.read('in')) {
        if (entry.offset % 50 === 0) await transport.append([record('in', `again/${entry.offset}`)]);
      }
      await transport.close();
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      refused++;
    }
  }
  console.log(`refused ${refused}`);
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

await { feed, work, hold, damage }[mode as 'feed']();
