/** The trajectories of a run as rows of a data set: each with its verdicts, its rewards, and what became of it. */
import { conversation } from '../agent/conversation.ts';
import { ConfigError } from '../errors.ts';
import { openTransport } from '../open-transport.ts';
import { readRecords } from '../topics/read-records.ts';
import type { RecordOf } from '../topics/record-of.ts';
import type { Step, Trajectory, VerdictLabel } from '../topics/records.generated.ts';
import type { Transport } from '../topics/transport.ts';
import { codecOf } from '../topology/codec-of.ts';
import { recordedTopology } from '../topology/run-place.ts';
import type { Topology } from '../topology/topology.ts';
import type { RowForm } from './row-forms.ts';

/** Steps whose verdicts and rewards are in memory at once, about 200 bytes each. */
const MOST_STEPS = 4_000_000;
/** Replays of replays that are followed. */
const MOST_RUNS = 16;

export interface TrajectoryRow {
  readonly id: string;
  readonly task: string;
  readonly question: string;
  readonly answer: string | null;
  /** Gold answers. */
  readonly gold: readonly string[];
  readonly end: Trajectory['end'];
  /** Who wrote its last action. */
  readonly policy: string;
  /** By action; null where none was given. */
  readonly verdicts: readonly (VerdictLabel | null)[];
  readonly rewards: readonly (number | null)[];
  /** Whether the filter let it pass. */
  readonly accepted: boolean;
  /** The mean of its rewards; null where it has none. */
  readonly reward: number | null;
  readonly messages?: readonly { readonly role: string; readonly content: string }[];
  readonly steps?: readonly object[];
}

export interface RowsOptions {
  /** Where the runs live. */
  readonly folder: string;
  readonly run: string;
  readonly form: RowForm;
  readonly signal: AbortSignal;
  readonly notify: (message: string) => void;
}

/** What is known of steps by their names, and of trajectories. */
interface Known {
  readonly verdicts: ReadonlyMap<string, VerdictLabel>;
  readonly rewards: ReadonlyMap<string, number>;
  readonly accepted: ReadonlySet<string>;
}

/**
 * The rows, in the order of the topic. What a replay did not make itself is that of the run it reads. A
 * `ConfigError` where there are no trajectories, or more steps than are held in memory.
 */
export async function* trajectoryRows(options: RowsOptions): AsyncGenerator<TrajectoryRow, void> {
  const runs = new RunsBehind(options);
  try {
    const known = await knownOf(runs);
    const { topology } = await runs.holding('trajectories');
    let rows = 0;
    for await (const trajectory of runs.records('trajectories')) {
      rows++;
      yield rowOf(trajectory, { known, topology, form: options.form });
    }
    if (rows === 0) throw new ConfigError(`the run ${options.run} has no trajectories`);
  } finally {
    await runs.close();
  }
}

async function knownOf(runs: RunsBehind): Promise<Known> {
  const verdicts = new Map<string, VerdictLabel>();
  const rewards = new Map<string, number>();
  const accepted = new Set<string>();
  const bounded = () => {
    if (verdicts.size > MOST_STEPS || rewards.size > MOST_STEPS)
      throw new ConfigError(
        `expected at most ${MOST_STEPS} steps with verdicts in a run whose trajectories are exported`,
      );
  };
  // A step that was judged or scored again has its last verdict, and its last reward.
  for await (const { id, verdict } of runs.records('judged')) {
    verdicts.set(id, verdict.label);
    bounded();
  }
  for await (const { subTrajectory } of runs.records('accepted')) accepted.add(subTrajectory.trajectory);
  for await (const { id, subTrajectory, reward } of runs.records('scored')) {
    rewards.set(id, reward.value);
    accepted.add(subTrajectory.trajectory);
    bounded();
  }
  return { verdicts, rewards, accepted };
}

interface RowContext {
  readonly known: Known;
  readonly topology: Topology;
  readonly form: RowForm;
}

function rowOf(trajectory: Trajectory, { known, topology, form }: RowContext): TrajectoryRow {
  const { id, question, steps, end, answer } = trajectory;
  const verdicts = steps.map((_, index) => known.verdicts.get(`${id}/${index}`) ?? null);
  const rewards = steps.map((_, index) => known.rewards.get(`${id}/${index}`) ?? null);
  const given = rewards.filter((reward) => reward !== null);
  return {
    id,
    ...(form === 'messages'
      ? { messages: messagesOf(trajectory, topology) }
      : {
          steps: steps.map((step, index) =>
            stepOf(step, { verdict: verdicts[index], reward: rewards[index] }),
          ),
        }),
    ...{ task: question.task, question: question.text, answer },
    gold: [...(question.answer === null ? [] : [question.answer]), ...question.answers],
    end,
    policy: steps.at(-1)?.action.policy ?? '',
    ...{ verdicts, rewards },
    accepted: known.accepted.has(id),
    reward: given.length === 0 ? null : given.reduce((sum, reward) => sum + reward, 0) / given.length,
  };
}

/** What the policy was shown and what it wrote, as it was rendered for it. */
function messagesOf({ question, steps }: Trajectory, { tasks }: Topology) {
  const { instructions, examples } = tasks[question.task] ?? {};
  const task = { instructions: instructions ?? '', examples: examples ?? [] };
  return conversation({ task, question, steps }).map(({ role, content }) => ({ role, content }));
}

function stepOf(
  { action, observation }: Step,
  given: { readonly verdict: unknown; readonly reward: unknown },
) {
  const { text, kind, tool, content, reasoning, policy } = action;
  const seen =
    observation === null
      ? null
      : { tool: observation.tool, status: observation.status, text: observation.text };
  return { text, kind, tool, content, reasoning, observation: seen, ...given, policy };
}

interface Opened {
  readonly topology: Topology;
  readonly transport: Transport;
}

type Joined = 'trajectories' | 'judged' | 'accepted' | 'scored';

/** A run and those that it replays, each opened when it is asked for records. */
class RunsBehind {
  readonly #options: RowsOptions;
  readonly #open: Opened[] = [];

  constructor(options: RowsOptions) {
    this.#options = options;
  }

  /** The first of them that has records in the topic; the run itself where none has. */
  async holding(topic: Joined): Promise<Opened> {
    for (let depth = 0; depth < MOST_RUNS; depth++) {
      const run = await this.#run(depth);
      if (run === null) break;
      const info = (await run.transport.topics()).find(({ name }) => name === topic);
      if (info?.offsets.some(({ start, end }) => end > start)) return run;
    }
    return (await this.#run(0)) as Opened;
  }

  async *records<K extends Joined>(topic: K): AsyncGenerator<RecordOf<K>, void> {
    const { signal } = this.#options;
    const { topology, transport } = await this.holding(topic);
    yield* readRecords({ transport, codec: await codecOf(topology, 'read') }, topic, { signal });
    // An aborted read ends as a complete one does.
    signal.throwIfAborted();
  }

  async close(): Promise<void> {
    for (const { transport } of this.#open) await transport.close();
  }

  async #run(depth: number): Promise<Opened | null> {
    const known = this.#open[depth];
    if (known !== undefined) return known;
    const { folder, run, notify } = this.#options;
    const before = this.#open[depth - 1]?.topology;
    const name = depth === 0 ? run : before?.source?.run;
    if (name === undefined) return null;
    const topology = recordedTopology(folder, name);
    const opened = { topology, transport: await openTransport(topology, { access: 'read', notify }) };
    this.#open.push(opened);
    return opened;
  }
}
