/**
 * Changed bytes in a run's folder: flips bits and cuts files anywhere in it, one at a time and undone again,
 * and uses what was hit as Swirl's commands do. Each must be refused with an error of Swirl's, or give exactly
 * what it gave before; nothing else, and no crash.
 *
 *   npx tsx bench/damage.ts FOLDER RUN [flips] [cuts] [seed]
 */
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join, relative, sep } from 'node:path';
import { openDecoder } from '../src/checkpoint/folder.ts';
import { readOptimizer } from '../src/checkpoint/optimizer-file.ts';
import { readWeights } from '../src/checkpoint/weight-files.ts';
import { hashWeights } from '../src/checkpoint/weights-hash.ts';
import { tensorShapes } from '../src/engine/config.ts';
import { SwirlError } from '../src/errors.ts';
import { readEvaluation } from '../src/evaluate/manifest.ts';
import { uniform } from '../src/random.ts';
import { embeddedConfig } from '../src/topics/embedded/embedded-config.ts';
import { openEmbeddedLog } from '../src/topics/embedded/embedded-log.ts';
import { rootOf } from '../src/topics/record-names.ts';
import type { LogEntry, Transport } from '../src/topics/transport.ts';
import { flowStages } from '../src/topology/flow.ts';
import { loadTopology } from '../src/topology/load.ts';
import { runIdentity } from '../src/topology/resolved.ts';
import { RESOLVED_FILE } from '../src/topology/run-files.ts';
import { examineCheckpoint } from '../src/train/examine-checkpoint.ts';

const [folder, run] = process.argv.slice(2) as [string, string];
const [flips = 3000, cuts = 500, seed = 1] = process.argv.slice(4).map(Number);
const root = join(folder, run);
const resolved = join(root, RESOLVED_FILE);
const whole = loadTopology(resolved, { set: [`folder=${JSON.stringify(folder)}`] }).topology;

const config = embeddedConfig.parse({ maxLogBytes: 2 ** 30 });

async function ofLog<T>(use: (log: Transport) => Promise<T>): Promise<T> {
  const log = await openEmbeddedLog({ folder, run, access: 'read', config });
  try {
    return await use(log);
  } finally {
    await log.close();
  }
}

async function entriesOf(entries: AsyncIterable<LogEntry>): Promise<unknown[]> {
  const says: unknown[] = [];
  for await (const { value, ...place } of entries) says.push(place, Buffer.from(value).toString('latin1'));
  return says;
}

/** What a tap, a stage and a replay find in the log. */
const logSays = () =>
  ofLog(async (log) => {
    const says: unknown[] = [await log.topics()];
    for (const { name, reads } of flowStages(whole)) says.push(await log.committed(name, reads));
    for (const { name } of await log.topics()) says.push(...(await entriesOf(log.read(name))));
    return says;
  });

/** The roots that are looked up one by one, spread over the questions. */
const LOOKED_UP = 8;
const names = await ofLog(async (log) => {
  const roots = new Set<string>();
  for await (const { key } of log.read('questions')) roots.add(rootOf(key));
  return [...roots];
});
const sought = names.filter((_, n) => n % Math.ceil(names.length / LOOKED_UP) === 0);

/** What `trace` and `show` find in it, which read no more than what they look up. */
const lookUpSays = () =>
  ofLog(async (log) => {
    const says: unknown[] = [];
    for (const { name } of await log.topics()) {
      for (const root of sought)
        if (log.lookUp !== undefined)
          says.push(name, root, await entriesOf(log.lookUp(name, { roots: new Set([root]) })));
    }
    return says;
  });

/** What a resumed training, and an evaluation of a checkpoint, find in it. */
async function checkpointSays(path: string, step: number): Promise<unknown> {
  const examined = await examineCheckpoint(path, step, { run, identity: runIdentity(whole) });
  const { config } = await openDecoder(path);
  const shapes = tensorShapes(config);
  const optimizer = await readOptimizer(join(path, 'optimizer.safetensors'), shapes);
  const hashes = [await readWeights({ path, config }), optimizer.m, optimizer.v];
  return [examined, config, optimizer.step, hashes.map((tensors) => hashWeights(tensors, shapes))];
}

type Use = () => unknown;

/** How the part of the run that a file belongs to is used; each use by itself. */
function usesOf(file: string): readonly Use[] {
  const [head = '', name = ''] = relative(root, file).split(sep);
  if (head === 'log') return [logSays, lookUpSays];
  if (head === RESOLVED_FILE) return [() => [loadTopology(resolved).topology, runIdentity(whole)]];
  if (head === 'evaluation.json') return [() => readEvaluation(file)];
  const step = /^step-(\d+)$/.exec(name)?.[1];
  if (head === 'checkpoints' && step !== undefined)
    return [() => checkpointSays(join(root, head, name), Number(step))];
  return [() => 'nothing reads it'];
}

async function says(use: Use): Promise<string> {
  return JSON.stringify(await use());
}

const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .map((name) => join(root, name))
  .filter((path) => statSync(path).isFile() && statSync(path).size > 0)
  .sort();
const total = files.reduce((sum, path) => sum + statSync(path).size, 0);

/** Half of the places by their share of all bytes, half file by file. */
function placeOf(i: number): { readonly file: string; readonly at: number } {
  const random = (position: number) => uniform(BigInt(seed * 1_000_003 + i), position);
  if (i % 2 === 0) {
    const file = files[Math.floor(random(0) * files.length)] as string;
    return { file, at: Math.floor(random(1) * statSync(file).size) };
  }
  let at = Math.floor(random(0) * total);
  for (const file of files) {
    const { size } = statSync(file);
    if (at < size) return { file, at };
    at -= size;
  }
  throw new Error('the files have changed while they were damaged');
}

/** Damages a file; returns what undoes it. */
function damage({ file, at }: ReturnType<typeof placeOf>, i: number, kind: 'flip' | 'cut'): () => void {
  const handle = openSync(file, 'r+');
  const length = kind === 'flip' ? 1 : fstatSync(handle).size - at;
  const before = Buffer.alloc(length);
  readSync(handle, before, 0, length, at);
  if (kind === 'cut') ftruncateSync(handle, at);
  else
    writeSync(
      handle,
      Buffer.from([before.readUInt8(0) ^ (1 << Math.floor(uniform(BigInt(i), 2) * 8))]),
      0,
      1,
      at,
    );
  return () => {
    writeSync(handle, before, 0, length, at);
    closeSync(handle);
  };
}

const truth = new Map<string, string[]>();
for (const file of files) {
  const told: string[] = [];
  for (const use of usesOf(file)) told.push(await says(use));
  truth.set(file, told);
}
/** By use: the log is read through, and looked up in. */
const counts = { refused: 0, same: 0, changed: 0 };
for (let i = 0; i < flips + cuts; i++) {
  const place = placeOf(i);
  const undo = damage(place, i, i < flips ? 'flip' : 'cut');
  try {
    for (const [n, use] of usesOf(place.file).entries()) {
      try {
        const same = (await says(use)) === truth.get(place.file)?.[n];
        counts[same ? 'same' : 'changed']++;
        if (!same)
          console.log(
            `CHANGED IN SILENCE: ${place.file}, byte ${place.at}, use ${n}, number ${i} of seed ${seed}`,
          );
      } catch (error) {
        if (!(error instanceof SwirlError)) throw error;
        counts.refused++;
      }
    }
  } finally {
    undo();
  }
  if ((i + 1) % 500 === 0) console.error(`${i + 1} done: ${JSON.stringify(counts)}`);
}
console.log(
  `${files.length} files, ${total} bytes; ${flips} flipped bits, ${cuts} cuts: ${JSON.stringify(counts)}`,
);
if (counts.changed > 0) process.exitCode = 1;
