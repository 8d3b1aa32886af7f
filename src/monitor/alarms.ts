/**
 * Alarms at work. They hear of verdicts and records in the order in which these are committed, and of updates in
 * the order in which they are made; a run that goes on begins with empty windows. With one partition for each
 * topic two runs that write the same topics raise the same alarms at the same records, but for those of `lag`.
 */
import type { SchemaNode } from '../topics/avro/schema-tree.ts';
import type { Judged, Update } from '../topics/records.generated.ts';
import type { AlarmConfig } from './alarm-config.ts';
import { AlarmMeasures, alarmFields, type Seen, seenBy } from './alarm-measures.ts';
import { type Condition, comparisonsIn, parseWhere } from './where.ts';

/** An alarm that was raised. */
export interface RaisedAlarm {
  readonly when: string;
  readonly over: number;
  readonly do: AlarmConfig['do'];
  /** How often its condition began to hold. */
  readonly times: number;
  /** What it saw when that happened last, such as `share.BAD is 0.84`. */
  readonly saw: string;
  /** Whether it holds now. */
  readonly holds: boolean;
}

interface Armed {
  readonly config: AlarmConfig;
  readonly measures: AlarmMeasures;
  readonly condition: Condition;
  /** The fields that it names, as group and name. */
  readonly names: readonly (readonly [string, string])[];
  readonly view: object;
  holds: boolean;
  times: number;
  saw: string;
}

export interface AlarmsOptions {
  /** The stages of the topology: `lag` is by their names. */
  readonly stages: readonly string[];
  readonly notify: (message: string) => void;
  /** Hears of every time that one is raised. */
  readonly keep?: (raised: RaisedAlarm) => void;
}

/** What is committed, as far as alarms look at it. */
interface Committed {
  readonly outputs: readonly { readonly topic: string; readonly value: unknown }[];
}

export class Alarms {
  readonly #armed: readonly Armed[];
  readonly #notify: (message: string) => void;
  readonly #keep: (raised: RaisedAlarm) => void;
  readonly #stop = new AbortController();

  /** Throws a `ConfigError` where a condition makes no sense. */
  constructor(configs: readonly AlarmConfig[], { stages, notify, keep = () => {} }: AlarmsOptions) {
    this.#notify = notify;
    this.#keep = keep;
    const fields = alarmFields(stages);
    this.#armed = configs.map((config) => {
      const measures = new AlarmMeasures(config.over);
      const condition = parseWhere(config.when, fields, 'when');
      const names = namesIn(config.when, fields);
      return { config, measures, condition, names, view: viewOf(names, measures), ...BEFORE };
    });
  }

  /** Aborts with the first alarm that stops the run. */
  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  /** Those that were raised, in the order of the topology. */
  get raised(): readonly RaisedAlarm[] {
    return this.#armed.filter(({ times }) => times > 0).map(raisedOf);
  }

  /** Whether one looks at what waits for the stages. */
  get looksAtLag(): boolean {
    return this.#armed.some(({ names }) => names.some(([group]) => group === 'lag'));
  }

  onCommit({ outputs }: Committed): void {
    this.#see('record', (measures) => measures.addRecord(outputs.some(({ topic }) => topic === 'failures')));
    for (const { topic, value } of outputs) {
      if (topic !== 'judged') continue;
      this.#see('verdict', (measures) => measures.addVerdict((value as Judged).verdict.label));
    }
  }

  onUpdate(update: Update): void {
    this.#see('batch', (measures) => measures.addBatch(update.gradNorm === 0));
    this.#see('update', (measures) => measures.addUpdate(update));
  }

  onEmptyBatch(): void {
    this.#see('batch', (measures) => measures.addBatch(true));
  }

  /** How many records wait for each stage. */
  onLag(stages: readonly { readonly stage: string; readonly backlog: number }[]): void {
    this.#see('lag', (measures) => {
      for (const { stage, backlog } of stages) measures.lag[stage] = backlog;
    });
  }

  #see(seen: Seen, look: (measures: AlarmMeasures) => void): void {
    for (const armed of this.#armed) {
      if (!armed.names.some(([group, name]) => seenBy(group, name) === seen)) continue;
      look(armed.measures);
      const holds = isKnown(armed) && armed.condition(armed.view);
      const begins = holds && !armed.holds;
      armed.holds = holds;
      if (begins) this.#raise(armed);
    }
  }

  #raise(armed: Armed): void {
    const { config, names, measures } = armed;
    armed.times++;
    armed.saw = names
      .map(([group, name]) => `${group}.${name} is ${Number(measures.of(group, name)?.toPrecision(4))}`)
      .join(', ');
    this.#keep(raisedOf(armed));
    const text = `alarm: ${config.when} (${armed.saw}, over ${config.over})`;
    if (config.do === 'stop' && !this.#stop.signal.aborted) {
      this.#notify(`${text}: stopping; what is committed is kept, and the next run goes on from there`);
      this.#stop.abort(new Error(text));
      return;
    }
    // The first, the second, the fourth time and so on: one at the edge of its condition comes often.
    if (!Number.isInteger(Math.log2(armed.times))) return;
    this.#notify(`${text}${armed.times > 1 ? `; ${armed.times} times so far` : ''}`);
  }
}

function raisedOf({ config: { when, over, do: does }, times, saw, holds }: Armed): RaisedAlarm {
  return { when, over, do: does, times, saw, holds };
}

const BEFORE = { holds: false, times: 0, saw: '' };

/** Whether all that the condition names has been seen. */
function isKnown({ names, measures }: Armed): boolean {
  return names.every(([group, name]) => measures.of(group, name) !== null);
}

/** The fields that a condition names, each once. */
function namesIn(when: string, fields: SchemaNode): (readonly [string, string])[] {
  const comparisons = comparisonsIn(when, fields, 'when').flat();
  const names = new Map(
    comparisons.map(({ path: [group = '', name = ''] }) => [`${group}.${name}`, [group, name] as const]),
  );
  return [...names.values()];
}

/** The record that the condition is asked of: measured when it is read. */
function viewOf(names: readonly (readonly [string, string])[], measures: AlarmMeasures): object {
  const view: Record<string, object> = {};
  for (const [group, name] of names) {
    view[group] ??= {};
    const get = () => measures.of(group, name);
    Object.defineProperty(view[group], name, { get, enumerable: true, configurable: true });
  }
  return view;
}
