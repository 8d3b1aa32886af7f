/**
 * The alarms of a run in its folder, for whoever looks later: the page, a report, the end of a run that goes on.
 * They are no topic: alarms decide no record, and two runs that write the same topics may raise others.
 *
 * A file of JSON lines, so that several workers of one folder can write it; of each process the newest line of an
 * alarm counts.
 */
import { appendFileSync, closeSync, openSync, readSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { AlarmConfig } from './alarm-config.ts';
import type { RaisedAlarm } from './alarms.ts';

/** Its name in a run's folder. */
export const ALARMS_FILE = 'alarms.jsonl';

/** A larger file is written anew, with one line for each alarm. */
const MOST_BYTES = 1024 * 1024;
/** Alarms that are kept, the last raised: a topology has at most 32, and may be changed. */
const MOST_ALARMS = 256;
/** Lines that stay as they are when the file is written anew. */
const MOST_LINES = 500;
/** How often the number of times is brought up to date. */
const EVERY_MS = 1000;

/** What became of one alarm, in all that was done of the run. */
export interface KeptAlarm {
  readonly when: string;
  readonly over: number;
  readonly do: AlarmConfig['do'];
  /** How often its condition began to hold. */
  readonly times: number;
  /** What it saw when that happened last. */
  readonly saw: string;
  /** When it was raised first and last, in milliseconds since 1970. */
  readonly first: number;
  readonly last: number;
}

const lineSchema = z.object({
  process: z.string().max(200),
  when: z.string().max(1000),
  over: z.number(),
  do: z.enum(['warn', 'stop']),
  times: z.number(),
  saw: z.string().max(4000),
  first: z.number(),
  last: z.number(),
});

type Line = z.output<typeof lineSchema>;

/** The alarms that a run's folder tells of, the last raised first; none where there is no such file. */
export function keptAlarms(folder: string): readonly KeptAlarm[] {
  return merge(linesOf(folder));
}

/** The same, read again where the file has changed. */
export class WatchedAlarms {
  readonly #folder: string;
  #seen = '';
  #alarms: readonly KeptAlarm[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  look(): readonly KeptAlarm[] {
    const { size, mtimeMs } = statSync(join(this.#folder, ALARMS_FILE), { throwIfNoEntry: false }) ?? {};
    const seen = `${size} ${mtimeMs}`;
    if (seen !== this.#seen) this.#alarms = size === undefined ? [] : keptAlarms(this.#folder);
    this.#seen = seen;
    return this.#alarms;
  }
}

export interface AlarmKeeperOptions {
  /** The run's. */
  readonly folder: string;
  /** Names this process among those of the run. */
  readonly process: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Hears, once, that they cannot be kept: no reason to stop a run. */
  readonly notify: (message: string) => void;
}

/** Writes down what is raised, at once where it is told, and otherwise once in a second. */
export class AlarmKeeper {
  readonly #options: AlarmKeeperOptions;
  readonly #latest = new Map<string, Line>();
  readonly #unwritten = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #isTold = false;

  constructor(options: AlarmKeeperOptions) {
    this.#options = options;
  }

  keep({ when, over, do: does, times, saw }: RaisedAlarm): void {
    const { process, now } = this.#options;
    const last = now();
    const key = keyOf({ when, over, do: does });
    const first = this.#latest.get(key)?.first ?? last;
    this.#latest.set(key, { process, when, over, do: does, times, saw, first, last });
    this.#unwritten.add(key);
    if (times === 1) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), EVERY_MS).unref();
  }

  /** Writes what is not written yet; before the process ends. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#unwritten.size === 0) return;
    const lines = [...this.#unwritten].map((key) => `${JSON.stringify(this.#latest.get(key))}\n`);
    this.#unwritten.clear();
    const file = join(this.#options.folder, ALARMS_FILE);
    try {
      shorten(this.#options.folder);
      appendFileSync(file, lines.join(''));
    } catch (error) {
      if (!this.#isTold) this.#options.notify(`${file}: alarms cannot be kept: ${(error as Error).message}`);
      this.#isTold = true;
    }
  }
}

function shorten(folder: string): void {
  const file = join(folder, ALARMS_FILE);
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) < MOST_BYTES) return;
  const aside = `${file}.${process.pid}.tmp`;
  const lines = latest(linesOf(folder));
  // Those of long ago, whose processes have ended, become one for each alarm.
  const old = lines.splice(0, Math.max(0, lines.length - MOST_LINES));
  const merged = merge(old).map((alarm) => ({ ...alarm, process: 'before' }));
  writeFileSync(aside, [...merged, ...lines].map((line) => `${JSON.stringify(line)}\n`).join(''));
  renameSync(aside, file);
}

/** Of each process the newest line of each alarm, the oldest first. */
function latest(lines: readonly Line[]): Line[] {
  const found = new Map<string, Line>();
  for (const line of lines) found.set(JSON.stringify([line.process, keyOf(line)]), line);
  return [...found.values()].sort((a, b) => a.last - b.last);
}

/** What the processes saw of each alarm together, the last raised first. */
function merge(lines: readonly Line[]): KeptAlarm[] {
  const found = new Map<string, KeptAlarm>();
  for (const { process: _, ...line } of latest(lines)) {
    const before = found.get(keyOf(line));
    const times = line.times + (before?.times ?? 0);
    found.set(keyOf(line), { ...line, times, first: Math.min(line.first, before?.first ?? line.first) });
  }
  return [...found.values()].sort((a, b) => b.last - a.last).slice(0, MOST_ALARMS);
}

function keyOf({ when, over, do: does }: Pick<KeptAlarm, 'when' | 'over' | 'do'>): string {
  return JSON.stringify([when, over, does]);
}

/** What can be read of the file: its end, where it is longer than it should be. */
function linesOf(folder: string): Line[] {
  const file = join(folder, ALARMS_FILE);
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) return [];
  const bytes = Buffer.alloc(Math.min(size, 2 * MOST_BYTES));
  const handle = openSync(file, 'r');
  try {
    const read = readSync(handle, bytes, 0, bytes.length, Math.max(0, size - bytes.length));
    return bytes.subarray(0, read).toString().split('\n').flatMap(lineOf);
  } finally {
    closeSync(handle);
  }
}

/** None of a line that was cut off by a crash. */
function lineOf(text: string): Line[] {
  try {
    const { data } = lineSchema.safeParse(JSON.parse(text));
    return data === undefined ? [] : [data];
  } catch {
    return [];
  }
}
