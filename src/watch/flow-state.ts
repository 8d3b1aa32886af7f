/** The flow as it is now: what each topic holds, and of each stage what waits, is in flight and goes through. */
import type { KeptAlarm } from '../monitor/kept-alarms.ts';
import { topologyGraph } from '../topology/graph.ts';
import type { RunNews } from './run-news.ts';
import { type Redact, shownLine } from './shown-text.ts';
import type { WatchedRun } from './watched-run.ts';

/** Rates are of the time since about so long ago, in milliseconds. */
const RATE_MS = 10_000;

interface TopicState {
  readonly name: string;
  readonly count: number;
  readonly perSecond: number;
}

interface StageState {
  readonly name: string;
  readonly reads: string;
  readonly writes: readonly string[];
  readonly note: string;
  readonly done: number;
  /** Records of its input that are not consumed yet. */
  readonly waiting: number;
  /** Of these, those it is working on; null where only another process knows. */
  readonly inFlight: number | null;
  readonly perSecond: number;
  /** Its records in `failures`, as far as these were read. */
  readonly failed: number;
}

export interface FlowState {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly topics: readonly TopicState[];
  readonly stages: readonly StageState[];
  /** Whether something has moved lately. */
  readonly moves: boolean;
  /** What training does now; null where only another process knows. */
  readonly training: string | null;
  /** Alarms that were raised, by whatever process of the run; the last raised first. */
  readonly alarms: readonly KeptAlarm[];
}

interface Look {
  readonly time: number;
  readonly counts: ReadonlyMap<string, number>;
}

export interface FlowDeps {
  readonly redact: Redact;
  readonly now: () => number;
  /** What the run itself says, where it runs beside. */
  readonly news: () => RunNews;
  /** What the run's folder tells of alarms. */
  readonly alarms: () => readonly KeptAlarm[];
  /** Failures by stage. */
  readonly failed: () => Promise<ReadonlyMap<string, number>>;
}

export class FlowWatch {
  readonly #run: WatchedRun;
  readonly #deps: FlowDeps;
  #looks: Look[] = [];

  constructor(run: WatchedRun, deps: FlowDeps) {
    this.#run = run;
    this.#deps = deps;
  }

  async look(): Promise<FlowState> {
    const { topology, transport } = this.#run;
    const { redact, now } = this.#deps;
    const graph = topologyGraph(topology);
    const found = await transport.topics();
    const counts = new Map<string, number>();
    for (const { name, offsets } of found) {
      counts.set(
        name,
        offsets.reduce((sum, { start, end }) => sum + end - start, 0),
      );
    }
    const failed = await this.#deps.failed();
    const news = this.#deps.news();
    const stages = [];
    for (const { name, reads, writes, note } of graph.stages) {
      const source = topology.source?.topic === reads ? topology.source.run : undefined;
      const { done, waiting } = await this.#consumed(name, reads, source);
      counts.set(`stage ${name}`, done);
      const running = news.stages.find(({ stage }) => stage === name);
      const inFlight = running?.inFlight ?? null;
      stages.push({ name, reads, writes, note: shownLine(note, redact, 60), done, waiting, inFlight });
    }
    const time = now();
    const look = { time, counts };
    this.#looks = [...this.#looks.filter((one) => time - one.time <= RATE_MS), look];
    const rate = (name: string) => this.#rate(name, look);
    return {
      time,
      topics: found.map(({ name }) => ({ name, count: counts.get(name) ?? 0, perSecond: rate(name) })),
      stages: stages.map((stage) => ({
        ...stage,
        perSecond: rate(`stage ${stage.name}`),
        failed: failed.get(stage.name) ?? 0,
      })),
      training: news.training === null ? null : shownLine(news.training, redact),
      alarms: this.#deps.alarms().map((alarm) => ({
        ...alarm,
        when: shownLine(alarm.when, redact, 400),
        saw: shownLine(alarm.saw, redact, 400),
      })),
      moves: [...counts.keys()].some((name) => rate(name) > 0),
    };
  }

  #rate(name: string, { time, counts }: Look): number {
    const first = this.#looks[0];
    if (first === undefined || time <= first.time) return 0;
    const moved = (counts.get(name) ?? 0) - (first.counts.get(name) ?? 0);
    return (1000 * Math.max(0, moved)) / (time - first.time);
  }

  async #consumed(stage: string, reads: string, source: string | undefined) {
    const { transport } = this.#run;
    const topic = (await transport.topics(source)).find(({ name }) => name === reads);
    if (topic === undefined) return { done: 0, waiting: 0 };
    const progress = await transport.committed(stage, reads, source);
    let [done, waiting] = [0, 0];
    for (const [partition, { start, end }] of topic.offsets.entries()) {
      const at = Math.max(start, Math.min(end, progress[partition] ?? 0));
      done += at - start;
      waiting += end - at;
    }
    return { done, waiting };
  }
}
