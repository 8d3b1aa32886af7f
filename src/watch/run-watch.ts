/** Everything that can be seen of one run, each part read when it is asked for. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { WatchedAlarms } from '../monitor/kept-alarms.ts';
import { runFolder } from '../topology/resolved.ts';
import type { Topology } from '../topology/topology.ts';
import { FailureGroups } from './failure-groups.ts';
import { type FlowState, FlowWatch } from './flow-state.ts';
import type { Cursor } from './newest-first.ts';
import { Outcomes, type RunOutcomes } from './outcomes.ts';
import { NO_NEWS, type RunNews } from './run-news.ts';
import { type Redact, redactOf, shownLine, shownSetting } from './shown-text.ts';
import { TokenPieces } from './token-pieces.ts';
import { TrajectoryList, type TrajectoryPage, type TrajectoryQuery, type Work } from './trajectory-list.ts';
import { trajectoryView } from './trajectory-view.ts';
import { UpdateCurves } from './update-curves.ts';
import { openWatchedRun, type Place, type WatchedRun } from './watched-run.ts';

/** How long one request reads on in topics of which not all is known, in milliseconds. */
const BUDGET_MS = 400;
/** The same where only the state of the flow is asked for. */
const FLOW_BUDGET_MS = 20;
/** Settings that are shown. */
const MOST_SETTINGS = 600;

export interface RunWatchOptions {
  readonly notify: (message: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => number;
  /** What the run itself says, where it runs beside. */
  readonly news?: () => RunNews;
}

/** A trajectory as it stands in a list, and whole. */
interface SampledTrajectory {
  readonly item: TrajectoryPage['items'][number];
  readonly view: object;
}

export class RunWatch {
  readonly #run: WatchedRun;
  readonly #redact: Redact;
  readonly #flow: FlowWatch;
  readonly #curves: UpdateCurves;
  readonly #failures: FailureGroups;
  readonly #list: TrajectoryList;
  readonly #outcomes: Outcomes;
  readonly #pieces: TokenPieces;
  #looked: { readonly time: number; readonly flow: Promise<FlowState> } | null = null;

  private constructor(run: WatchedRun, { env, now, news = () => NO_NEWS }: RunWatchOptions) {
    this.#run = run;
    this.#redact = redactOf(run.topology, env);
    this.#curves = new UpdateCurves(run);
    this.#failures = new FailureGroups(run, this.#redact);
    const failed = () => this.#failures.byStage(FLOW_BUDGET_MS);
    const alarms = new WatchedAlarms(runFolder(run.topology));
    this.#flow = new FlowWatch(run, {
      ...{ redact: this.#redact, now, news, failed, alarms: () => alarms.look() },
    });
    this.#list = new TrajectoryList(run, this.#redact);
    this.#outcomes = new Outcomes(run, this.#redact);
    this.#pieces = new TokenPieces(run.topology);
  }

  static async open(topology: Topology, options: RunWatchOptions): Promise<RunWatch> {
    return new RunWatch(await openWatchedRun(topology, options.notify), options);
  }

  get name(): string {
    return this.#run.topology.run;
  }

  /** What does not change while it runs. */
  about() {
    const { topology } = this.#run;
    const settings = settingsIn(topology, this.#redact);
    return {
      run: topology.run,
      isEvaluation: existsSync(join(runFolder(topology), 'evaluation.json')),
      source: topology.source,
      tasks: Object.keys(topology.tasks).map((name) => shownLine(name, this.#redact, 100)),
      settings: settings.slice(0, MOST_SETTINGS),
      more: Math.max(0, settings.length - MOST_SETTINGS),
    };
  }

  /** The flow now; two who ask at once are told the same. */
  flow(): Promise<FlowState> {
    const now = performance.now();
    if (this.#looked === null || now - this.#looked.time > 200) {
      this.#looked = { time: now, flow: this.#flow.look() };
    }
    return this.#looked.flow;
  }

  curves() {
    return this.#curves.look(BUDGET_MS);
  }

  failures() {
    return this.#failures.look(BUDGET_MS);
  }

  /** How many answers are right, by task. */
  outcomes(): Promise<RunOutcomes> {
    return this.#outcomes.look(BUDGET_MS);
  }

  async trajectories(
    query: TrajectoryQuery,
    cursor: Cursor | null,
    work: Work,
  ): Promise<TrajectoryPage & { readonly known: TrajectoryList['judged']['progress'] }> {
    const page = await this.#list.page(query, cursor, work);
    return { ...page, known: this.#list.judged.progress };
  }

  async trajectory(where: Place | string) {
    await this.#list.advance(BUDGET_MS);
    return trajectoryView(where, {
      ...{ run: this.#run, redact: this.#redact, list: this.#list, pieces: this.#pieces },
      updates: () => this.#curves.updates(BUDGET_MS),
    });
  }

  /** Trajectories from all of the run, each whole, the newest first. */
  async sample(count: number): Promise<readonly SampledTrajectory[]> {
    while (!(await this.advance(BUDGET_MS))) await nextTurn();
    const sampled: SampledTrajectory[] = [];
    for (const item of [...(await this.#list.sample(count))].reverse()) {
      const [partition = 0, offset = 0] = item.place.split(':').map(Number);
      const view = await this.trajectory({ partition, offset });
      if (view !== null) sampled.push({ item, view });
    }
    return sampled;
  }

  /** Reads on where topics are not known wholly yet. Returns whether they are. */
  advance(budgetMs: number): Promise<boolean> {
    return this.#list.advance(budgetMs);
  }

  close(): Promise<void> {
    return this.#run.close();
  }
}

/** Every setting of a topology by its path, as it may be shown. */
function settingsIn(topology: Topology, redact: Redact): [string, string][] {
  const { folder: _, ownTopics, ...rest } = topology;
  const names = Object.keys(ownTopics);
  const walk = (value: unknown, path: readonly string[]): [string, string][] => {
    const isBranch = typeof value === 'object' && value !== null && Object.keys(value).length > 0;
    if (!isBranch || path.length > 8) return [[path.join('.'), shownSetting(path, value ?? null, redact)]];
    return Object.entries(value).flatMap(([key, part]) => walk(part, [...path, key]));
  };
  return walk({ ...rest, ownTopics: names }, []);
}
