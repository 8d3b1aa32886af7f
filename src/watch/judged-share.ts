/**
 * The share of GOOD among verdicts, and of accepted among judged steps, as time goes by. A topic is sampled at
 * places spread over it, so that its size does not matter; what is small is read whole.
 */
import type { LogEntry } from '../topics/transport.ts';
import type { WatchedRun } from './watched-run.ts';

/** Places in the topic `judged`, and entries that are read at each. */
const PLACES = 100;
const AT_EACH = 20;
/** Verdicts that came since are read again when there are this many more, as a share of those there were. */
const RENEWED_AT = 1.05;

export interface Shares {
  readonly good: number | null;
  readonly accepted: number | null;
}

const NO_SHARES: Shares = { good: null, accepted: null };

interface Sample {
  readonly partition: number;
  readonly time: number;
  /** How many entries of the partition there are up to here. */
  readonly count: number;
  readonly good: number;
  readonly judged: number;
}

export class JudgedShare {
  readonly #run: WatchedRun;
  #judged: { readonly of: number; readonly samples: Sample[] } = { of: 0, samples: [] };
  #accepted: { readonly of: number; readonly samples: Sample[] } = { of: 0, samples: [] };

  constructor(run: WatchedRun) {
    this.#run = run;
  }

  /** Of the verdicts between each of these times and the time before it; null where there is no time. */
  async before(times: readonly (number | null)[]): Promise<Shares[]> {
    this.#judged = await this.#renewed('judged', this.#judged);
    this.#accepted = await this.#renewed('accepted', this.#accepted);
    const judged = new Sweep(this.#judged.samples);
    const accepted = new Sweep(this.#accepted.samples);
    const shares = new Map<number, Shares>();
    for (const time of [...new Set(times.filter((time) => time !== null))].sort((a, b) => a - b)) {
      const verdicts = judged.to(time);
      const passed = accepted.to(time);
      shares.set(time, {
        good: verdicts.judged === 0 ? null : verdicts.good / verdicts.judged,
        accepted: verdicts.entries === 0 ? null : Math.min(1, passed.entries / verdicts.entries),
      });
    }
    return times.map((time) => (time === null ? undefined : shares.get(time)) ?? NO_SHARES);
  }

  async #renewed(topic: 'judged' | 'accepted', known: { readonly of: number; readonly samples: Sample[] }) {
    const { offsets } = await this.#run.topic(topic);
    const of = offsets.reduce((sum, { start, end }) => sum + end - start, 0);
    if (of === known.of || (known.of > PLACES * AT_EACH && of < known.of * RENEWED_AT)) return known;
    const samples: Sample[] = [];
    for (const [partition, { start, end }] of offsets.entries()) {
      const isWhole = end - start <= PLACES * AT_EACH;
      const size = isWhole ? AT_EACH : (end - start) / PLACES;
      for (let at = start; at < end; at += size) {
        const offset = Math.floor(at);
        const count = Math.min(AT_EACH, end - offset);
        const entries = await this.#run.entries(topic, { partition, offset, count });
        samples.push(...(await this.#samplesOf(topic, entries, start)));
      }
    }
    samples.sort((a, b) => a.time - b.time);
    return { of, samples };
  }

  async #samplesOf(topic: 'judged' | 'accepted', entries: readonly LogEntry[], start: number) {
    const samples: Sample[] = [];
    for (const entry of entries) {
      const { partition, time, offset } = entry;
      const place = { partition, time, count: offset + 1 - start };
      if (topic === 'accepted') samples.push({ ...place, good: 0, judged: 0 });
      else {
        const label = (await this.#run.record('judged', entry))?.verdict.label;
        samples.push({ ...place, good: label === 'GOOD' ? 1 : 0, judged: label === undefined ? 0 : 1 });
      }
    }
    return samples;
  }
}

/** Goes through samples in the order of time. */
class Sweep {
  readonly #samples: readonly Sample[];
  /** Per partition how many entries there were. */
  readonly #counts = new Map<number, number>();
  #at = 0;

  constructor(samples: readonly Sample[]) {
    this.#samples = samples;
  }

  /** What came since the last call, up to a time: entries of the topic, and verdicts of the samples. */
  to(time: number): { readonly entries: number; readonly judged: number; readonly good: number } {
    let [entries, judged, good] = [0, 0, 0];
    for (; this.#at < this.#samples.length; this.#at++) {
      const sample = this.#samples[this.#at] as Sample;
      if (sample.time > time) break;
      const before = this.#counts.get(sample.partition) ?? 0;
      entries += Math.max(0, sample.count - before);
      this.#counts.set(sample.partition, Math.max(before, sample.count));
      judged += sample.judged;
      good += sample.good;
    }
    return { entries, judged, good };
  }
}
