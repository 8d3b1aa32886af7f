/** A transport that hides some records of another run's topic: a replay of what would have been without them. */
import { placeOf } from './fed-twice.ts';
import { isOf, namesOfKey, sampledAt } from './record-names.ts';
import type { InputPartition, LogEntry, Transport } from './transport.ts';

interface Until {
  readonly offset?: number | undefined;
  readonly time?: string | undefined;
}

export interface Hidden {
  /** The other run and its topic. */
  readonly run: string;
  readonly topic: string;
  /** Names of questions (`q17`), trajectories (`q17/2`) and steps (`q17/2/0`). */
  readonly ids: readonly string[];
  /** Entries at this offset of their partition or after it, or appended at this time or later. */
  readonly until?: Until | undefined;
  /** Places of entries, as `placeOf` gives them. */
  readonly places?: ReadonlySet<string>;
  /** The id of a record, of which the key alone says whether it is worth a look. */
  readonly idOf: (entry: LogEntry) => Promise<string | null>;
}

/** The same transport, in which offsets skip what is hidden. */
export function withoutRecords(transport: Transport, hidden: Hidden): Transport {
  const isHidden = hiddenBy(hidden);
  const shown = async (entries: readonly LogEntry[]): Promise<LogEntry[]> => {
    const kept: LogEntry[] = [];
    for (const entry of entries) if (!(await isHidden(entry))) kept.push(entry);
    return kept;
  };
  const isSource = (run: string | undefined, topic: string) => run === hidden.run && topic === hidden.topic;
  return {
    run: transport.run,
    ensureTopics: (specs) => transport.ensureTopics(specs),
    topics: (run) => transport.topics(run),
    append: (outputs) => transport.append(outputs),
    committed: (group, topic, run) => transport.committed(group, topic, run),
    setProgress: (of, offsets) => transport.setProgress(of, offsets),
    workers: () => transport.workers(),
    close: () => transport.close(),
    read: async function* (topic, options = {}) {
      const { limit = Number.POSITIVE_INFINITY, ...rest } = options;
      if (!isSource(options.run, topic)) return yield* transport.read(topic, options);
      let left = limit;
      if (left < 1) return;
      for await (const entry of transport.read(topic, rest)) {
        if (await isHidden(entry)) continue;
        yield entry;
        if (--left < 1) return;
      }
    },
    subscribe: async function* (options) {
      const inputs = transport.subscribe(options);
      if (!isSource(options.run, options.topic)) return yield* inputs;
      for await (const input of inputs) yield withPull(input, shown);
    },
  };
}

/** Whether an entry is left out for where it stands, or when it came. */
export function isAfter({ offset, time }: Until = {}): (entry: LogEntry) => boolean {
  const end = {
    offset: offset ?? Number.POSITIVE_INFINITY,
    time: time === undefined ? Number.POSITIVE_INFINITY : Date.parse(time),
  };
  return (entry) => entry.offset >= end.offset || entry.time >= end.time;
}

/** Whether a name is of a record, of its trajectory (which is its key) or of its question. */
export function isNameOf(name: string, { key, id }: { readonly key: string; readonly id: unknown }): boolean {
  return namesOfKey(key).includes(name) || isOf(name, String(id));
}

/** Whether an entry is one of those: a name stands for all that came of it. */
function hiddenBy({ ids, until, places, idOf }: Hidden): (entry: LogEntry) => Promise<boolean> {
  const names = new Set(ids);
  const isOut = isAfter(until);
  const withSteps = new Set(ids.map((id) => id.split('/').slice(0, 2).join('/')));
  return async (entry) => {
    if (isOut(entry) || places?.has(placeOf(entry))) return true;
    if (namesOfKey(entry.key).some((name) => names.has(name))) return true;
    if (!entry.key.includes('/') || !withSteps.has(entry.key)) return false;
    const id = (await idOf(entry)) ?? '';
    return names.has(id) || names.has(sampledAt(id) ?? '');
  };
}

/** The input with another way to pull; what it says of itself are its own getters. */
function withPull(
  input: InputPartition,
  shown: (entries: readonly LogEntry[]) => Promise<LogEntry[]>,
): InputPartition {
  return new Proxy(input, {
    get: (target, name) => {
      if (name === 'pull') {
        return async (max: number, waitMs: number) => shown(await target.pull(max, waitMs));
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
