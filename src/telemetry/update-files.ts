/** The updates of a run as files that other programs read: TensorBoard's events, and a table. */
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TransportError } from '../errors.ts';
import { makeFolder } from '../make-folder.ts';
import type { Update } from '../topics/records.generated.ts';
import { EVENT_FILE, scalarsRecord, versionRecord } from './event-file.ts';

/** Kinds of files: `tensorboard` is a folder of that name, `csv` the file `updates.csv`. */
export type UpdateFileKind = 'tensorboard' | 'csv';

/** An update, and when it was appended, in milliseconds since 1970. */
export interface TimedUpdate {
  readonly update: Update;
  readonly time: number;
}

/** Fields that are no measures. */
const NAMES = new Set(['id', 'weightsHash', 'by', 'step', 'partition', 'fromOffset', 'toOffset']);

const COLUMNS = [
  ...['step', 'time', 'epoch', 'trajectories', 'subTrajectories', 'dropped', 'actionTokens', 'rowTokens'],
  ...['meanReward', 'loss', 'meanLogprob', 'kl', 'meanRatio', 'clippedShare', 'gradNorm', 'learningRate'],
  ...['partition', 'fromOffset', 'toOffset', 'weightsHash'],
] as const;

interface OneFile {
  readonly path: string;
  readonly head: Buffer;
  readonly row: (timed: TimedUpdate) => Buffer;
}

export class UpdateFiles {
  readonly #files: readonly OneFile[];

  /** Begins the files anew, `time` in milliseconds since 1970. Throws a `TransportError` where they cannot be written. */
  constructor(folder: string, kinds: readonly UpdateFileKind[], time: number) {
    const board = join(folder, 'tensorboard');
    const files: Readonly<Record<UpdateFileKind, OneFile>> = {
      tensorboard: { path: join(board, EVENT_FILE), head: versionRecord(time), row: eventOf },
      csv: { path: join(folder, 'updates.csv'), head: Buffer.from(`${COLUMNS.join(',')}\n`), row: lineOf },
    };
    this.#files = kinds.map((kind) => files[kind]);
    this.#write(() => {
      makeFolder(kinds.includes('tensorboard') ? board : folder);
      for (const { path, head } of this.#files) writeFileSync(path, head);
    });
  }

  get paths(): readonly string[] {
    return this.#files.map(({ path }) => path);
  }

  append(updates: readonly TimedUpdate[]): void {
    if (updates.length === 0) return;
    this.#write(() => {
      for (const { path, row } of this.#files) appendFileSync(path, Buffer.concat(updates.map(row)));
    });
  }

  #write(write: () => void): void {
    try {
      write();
    } catch (error) {
      throw new TransportError(`${this.paths.join(', ')}: cannot be written: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
}

/** Every number of the update: measures of later versions too. */
function eventOf({ update, time }: TimedUpdate): Buffer {
  const scalars = Object.entries(update).filter(
    (field): field is [string, number] => !NAMES.has(field[0]) && typeof field[1] === 'number',
  );
  const tagged = scalars.map(([name, value]) => [`updates/${name}`, value]);
  return scalarsRecord({ step: update.step, time }, Object.fromEntries(tagged));
}

/** By RFC 4180; none of the values needs quotes. What is not there is empty. */
function lineOf({ update, time }: TimedUpdate): Buffer {
  const at = { ...update, time: new Date(time).toISOString() };
  return Buffer.from(`${COLUMNS.map((name) => at[name] ?? '').join(',')}\n`);
}
