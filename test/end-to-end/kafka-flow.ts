/**
 * A flow whose policy is an HTTP server in the test, which can make the workers wait: so the test decides how
 * far a run has come when something happens to them, however busy the machine is.
 */
import { decode } from '../../src/topics/avro/codec.ts';
import type { RecordOf } from '../../src/topics/record-of.ts';
import type { Topic, TopicRecords } from '../../src/topics/records.generated.ts';
import type { Transport } from '../../src/topics/transport.ts';
import { TOPICS } from '../../src/topology/topics.ts';
import { startFaultServer } from '../models/fault-server.ts';
import { instructions } from './able-policy.ts';
import { everyStage } from './sums-topology.ts';

/**
 * A worker that was killed or paused is missed after a session, and one that holds on to a partition loses it
 * after the hand-over: tests wait for both. A session must outlast what a worker on a busy machine does
 * between two heartbeats; the rest is for what has no end.
 */
const quick = {
  ...{ sessionMs: 10_000, heartbeatMs: 500, rebalanceMs: 120_000, handOverMs: 3_000 },
  ...{ fetchWaitMs: 100, requestMs: 8_000, outageMs: 1_800_000 },
};

/** The topics whose records are divided among the workers. */
const shared = ['turns', 'tool-calls', 'trajectories', 'sub-trajectories', 'judged', 'accepted'] as const;

export const flowStages = everyStage({
  start: { rollouts: 2, window: 2 },
  rollout: { window: 4 },
  trajectories: 2,
});

const flow = {
  judge: { kind: 'rules' },
  reward: { kind: 'rules' },
  tasks: { sums: { tools: ['calculator'], maxSteps: 4, instructions } },
  tools: { calculator: { kind: 'calculator' } },
  stages: flowStages,
};

export function kafkaTopology(brokers: string, settings: object = {}) {
  return {
    seed: 7,
    folder: 'runs',
    transport: { kind: 'kafka', brokers: [brokers], ...quick },
    learner: { checkpoint: 'policy', contextTokens: 256, device: 'reference' },
    policy: { kind: 'openai', baseUrl: 'http://127.0.0.1:1/v1', model: 'scripted', timeoutMs: 300_000 },
    ...flow,
    topics: Object.fromEntries(shared.map((name) => [name, { partitions: 3 }])),
    ...settings,
  };
}

export function embeddedTopology() {
  const { transport: _, topics: __, ...rest } = kafkaTopology('');
  return rest;
}

/** Answers `What is A plus B?` with a call of the calculator, for odd As after a turn without one. */
function solve(messages: readonly { readonly role: string; readonly content: string }[]): string {
  const question = messages.find(({ role }) => role === 'user')?.content ?? '';
  const [, a = '0', b = '0'] = /What is (\d+) plus (\d+)/.exec(question) ?? [];
  const turn = messages.filter(({ role }) => role === 'assistant').length - (Number(a) % 2);
  if (turn < 0) return 'Let me think.';
  return turn === 0 ? `<math_exp>${a} + ${b}</math_exp>` : `<answer>${Number(a) + Number(b)}</answer>`;
}

export interface Policy {
  url(worker: string): string;
  /** How many answers were asked for, by a worker. */
  asked(worker: string): number;
  readonly answered: number;
  /** Allows so many answers more; the others are kept waiting. */
  allow(answers: number): void;
  /** Answers a worker that is gone no more. */
  forget(worker: string): void;
  close(): Promise<void>;
}

export async function startPolicy(): Promise<Policy> {
  let left = 0;
  let answered = 0;
  let waiting: (() => void)[] = [];
  const asked = new Map<string, number>();
  const gone = new Set<string>();
  const wake = () => {
    const all = waiting;
    waiting = [];
    for (const resolve of all) resolve();
  };
  const server = await startFaultServer(async ({ path, body }) => {
    const worker = path.split('/')[2] ?? '';
    asked.set(worker, (asked.get(worker) ?? 0) + 1);
    while (left < 1 && !gone.has(worker)) await new Promise<void>((resolve) => waiting.push(resolve));
    if (gone.has(worker)) return { kind: 'reset' };
    left--;
    answered++;
    return solve(body.messages);
  });
  return {
    url: (worker) => `${server.url}/${worker}`,
    asked: (worker) => asked.get(worker) ?? 0,
    get answered() {
      return answered;
    },
    allow: (answers) => {
      left += answers;
      wake();
    },
    forget: (worker) => {
      gone.add(worker);
      wake();
    },
    close: () => server.close(),
  };
}

export async function recordsOfTopic<K extends string>(
  transport: Pick<Transport, 'read'>,
  topic: K,
): Promise<RecordOf<K>[]> {
  const found: RecordOf<K>[] = [];
  for await (const { value } of transport.read(topic)) found.push(decode(topic, value));
  return found;
}

/**
 * The records of every topic but `updates`, whose batches depend on the order of the others, by their ids.
 */
export async function byId(
  read: (topic: Exclude<Topic, 'updates'>) => Promise<readonly { readonly id: string }[]>,
): Promise<Record<string, unknown[]>> {
  const found: Record<string, unknown[]> = {};
  for (const topic of TOPICS) {
    if (topic === 'updates') continue;
    found[topic] = [...(await read(topic))].sort((a, b) => (a.id < b.id ? -1 : 1));
  }
  return found;
}

/**
 * What of an update is a function of the scored records: offsets are not, as there are marks of transactions
 * in between.
 */
export function learned(updates: readonly TopicRecords['updates'][]) {
  return updates.map(({ step, epoch, loss, weightsHash, trajectories, subTrajectories }) => {
    return { step, epoch, loss, weightsHash, trajectories, subTrajectories };
  });
}
