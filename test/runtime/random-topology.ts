/**
 * A random topology and what it is made of: Swirl's own stages as `pipeline.ts` puts them together, with
 * policy, tools, judge and reward model that do what `random-world.ts` says, and stages beside the flow, which
 * `random-beside.ts` makes.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { Judge, LanguageModel, RewardModel } from '../../src/agent/model.ts';
import type { Tool } from '../../src/agent/tool.ts';
import { ContextError, ModelError, ToolError } from '../../src/errors.ts';
import type { Parts } from '../../src/open-parts.ts';
import { resolveTopology } from '../../src/topology/load.ts';
import type { Topology } from '../../src/topology/topology.ts';
import { asModule, type Beside, besideTopology } from './random-beside.ts';
import { actOf, chance, hasLater, labelOf, MOST_STEPS, rewardOf } from './random-world.ts';

/** A stage after the rollouts. */
export type Later = 'decompose' | 'judge' | 'filter' | 'resample' | 'reward' | 'train';

const NAMED = ['start', 'branch', 'rollout', 'tools', 'decompose', 'judge', 'filter'] as const;
const NAMES = [...NAMED, 'resample', 'reward', 'train', 'enter', 'distinct', 'beside'] as const;
type Name = (typeof NAMES)[number];

export interface Flow {
  readonly windows: Readonly<Record<Name, number>>;
  /** Of the topics that may have several. */
  readonly partitions: number;
  readonly rollouts: number;
  /** Trajectories that begin again at each context that is fed; 0: no stage `branch`. */
  readonly branches: number;
  readonly merge: 'deterministic' | 'arrival';
  /** A stage of one's own between `start` and `turns`. */
  readonly enter: boolean;
  /** How many of the stages after the rollouts there are, from the first on. */
  readonly later: number;
  /** A stage of one's own over the partitions of `judged`, which lets whole trajectories pass to `filter`. */
  readonly distinct: boolean;
  readonly mode: 'none' | 'process';
  /** Whether the filter takes UNKNOWN for GOOD. */
  readonly unknown: boolean;
  /** Fresh actions at each context; 0: no stage `resample`. */
  readonly actions: number;
  readonly training: {
    readonly epochs: number;
    readonly trajectories: number;
    readonly checkpointEvery: number;
    readonly keepCheckpoints: number;
  };
  readonly beside: readonly Beside[];
  readonly commit: { readonly records: number; readonly ms: number };
  readonly salt: number;
}

/** Of a batch, records that were trained on before. */
const MOST_DROPPED = 8;
const retry = { attempts: 2, backoffMs: 1, maxBackoffMs: 1 };

export function topologyOf(flow: Flow, folder: string): Topology {
  const { windows, partitions, rollouts, branches, merge, enter, distinct, mode, actions } = flow;
  const { epochs, trajectories, checkpointEvery, keepCheckpoints } = flow.training;
  const stage = (name: Name, settings: object = {}) => ({ window: windows[name], retry, ...settings });
  const own = (name: Name, settings: object) =>
    stage(name, { kind: 'module', path: './none.js', ...settings });
  const later = (name: Later, settings: object = {}) =>
    hasLater(flow, name) ? { [name]: stage(name, settings) } : {};
  const hasDistinct = distinct && hasLater(flow, 'judge');
  const isResampled = hasLater(flow, 'resample');
  const beside = besideTopology(flow);
  const several = ['trajectories', 'sub-trajectories', 'judged', 'accepted'];
  // Those that lead to `turns` need one partition where they take turns.
  const leading = merge === 'arrival' ? partitions : 1;
  const free = merge === 'arrival' ? ['questions', 'turns', 'tool-calls', ...several] : several;
  return resolveTopology(
    {
      ...{ run: 'random', seed: 7, folder },
      fed: ['questions', ...(branches > 0 ? ['contexts'] : [])],
      policy: { kind: 'local', checkpoint: 'none' },
      ...{ judge: { kind: 'rules' }, reward: { kind: 'constant', value: 1 } },
      tasks: { math: { tools: ['calculator', 'moody', 'broken'], maxSteps: MOST_STEPS, instructions: 'go' } },
      tools: Object.fromEntries(
        ['calculator', 'moody', 'broken'].map((name) => [name, { kind: 'calculator', tag: name }]),
      ),
      topics: {
        ...Object.fromEntries(free.map((name) => [name, { partitions }])),
        ...(enter && { first: { record: 'turns', partitions: leading } }),
        ...(branches > 0 && { contexts: { record: 'sub-trajectories', partitions: leading } }),
        ...(hasDistinct && { distinct: { record: 'judged', partitions } }),
        ...(isResampled && { resampled: { record: 'accepted', partitions } }),
        ...beside.topics,
      },
      stages: {
        start: stage('start', { rollouts, ...(enter && { writes: ['first'] }) }),
        ...(enter && { enter: own('enter', { reads: 'first', writes: ['turns'] }) }),
        ...(branches > 0 && { branch: stage('branch', { rollouts: branches }) }),
        rollout: stage('rollout', { merge }),
        tools: stage('tools'),
        ...later('decompose'),
        ...later('judge'),
        ...(hasDistinct && { distinct: own('distinct', { reads: 'judged', writes: ['distinct'] }) }),
        ...later('filter', {
          ...{ mode, unknown: flow.unknown ? 'accept' : 'reject' },
          ...(hasDistinct && { reads: 'distinct' }),
        }),
        ...later('resample', { actions, writes: ['resampled'] }),
        ...later('reward', isResampled ? { reads: 'resampled' } : {}),
        ...later('train', {
          ...{ batch: { trajectories }, epochs, checkpointEvery, keepCheckpoints, maxDropped: MOST_DROPPED },
          // A batch must fit, and what may be dropped in it.
          window: windows.train + trajectories * MOST_STEPS * Math.max(1, actions) + MOST_DROPPED,
          schedule: { kind: 'constant', learningRate: 1e-2 },
        }),
        ...beside.stages,
      },
    },
    folder,
  );
}

/** Work of some length, other for every record. */
async function work(flow: Flow, id: string): Promise<void> {
  for (let n = chance(flow, `work ${id}`, 5); n > 0; n--) await turn();
}

/** What the stages of the topology are made of. As a process has them: what failed once has not failed in another. */
export function partsOf(flow: Flow): Parts {
  const tried = new Set<string>();
  const isFirst = (what: string) => {
    const first = !tried.has(what);
    tried.add(what);
    return first;
  };
  const origin = { module: 'none.js', export: 'default', hash: 'ab', settings: '{}' };
  const parts: Partial<Parts> = {
    policy: async () => policyOf(flow, isFirst),
    tools: async () => toolsOf(flow, isFirst),
    toldOf: async () => null,
    judge: async () => judgeOf(flow),
    rewardModel: async () => rewardModelOf(flow),
    matcher: async () => ({ by: null, matches: () => true }),
    stage: async (name) => ({
      ...asModule(flow, name),
      origin,
      where: `stages.${name}`,
      close: async () => {},
    }),
    notify: () => {},
    waits: (call) => call(),
    keep: (part) => part,
    close: async () => {},
  };
  return parts as Parts;
}

function policyOf(flow: Flow, isFirst: (what: string) => boolean): LanguageModel {
  const complete: LanguageModel['complete'] = async ({ id }) => {
    await work(flow, `policy ${id}`);
    const act = actOf(flow, id);
    const tag = act === 'moody' || act === 'broken' ? act : 'calculator';
    if (act === 'fail') throw new ModelError(`${id} cannot be answered`);
    if (act === 'context') throw new ContextError(`${id} is too long`);
    if (act === 'flaky' && isFirst(id)) throw new ModelError('not now', { retryable: true });
    const inside = chance(flow, `text ${id}`, 1000);
    const text = {
      ...{ none: `hm ${inside}`, answer: `<answer>${inside}</answer>` },
      call: `<${tag}>${inside} of ${id}</${tag}>`,
    };
    return {
      text: act === 'none' || act === 'answer' ? text[act] : text.call,
      ...{ tokens: null, logprobs: null },
    };
  };
  return { name: 'random', complete, close: async () => {} };
}

function toolsOf(flow: Flow, isFirst: (what: string) => boolean): Tool[] {
  const tool = (name: string, settings: Partial<Tool> = {}): Tool => ({
    ...{ name, tag: name, close: async () => {} },
    call: async (argument) => {
      await work(flow, `${name} ${argument}`);
      if (name === 'broken') throw new ToolError(`${argument} cannot be answered`);
      if (name === 'moody' && isFirst(argument)) throw new ToolError('not now', { retryable: true });
      const text = `${chance(flow, argument, 1000)}`;
      return { tool: name, status: chance(flow, `status ${argument}`, 5) === 0 ? 'REFUSED' : 'OK', text };
    },
    ...settings,
  });
  return [tool('calculator', { concurrency: 2 }), tool('moody'), tool('broken')];
}

function judgeOf(flow: Flow): Judge {
  return {
    name: 'random',
    judge: async ({ id }) => {
      await work(flow, `judge ${id}`);
      const label = labelOf(flow, id);
      if (label === null) throw new ModelError(`no verdict on ${id}`);
      return { label, rationale: `of ${id}`, judge: 'random', votes: [] };
    },
  };
}

function rewardModelOf(flow: Flow): RewardModel {
  return {
    name: 'random',
    score: async ({ subTrajectory: { id } }) => {
      await work(flow, `reward ${id}`);
      const value = rewardOf(flow, id);
      if (value === null) throw new ModelError(`no reward for ${id}`);
      return { value, rationale: '', model: 'random', votes: [], by: null };
    },
  };
}
