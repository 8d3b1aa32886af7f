/**
 * Opens what the stages are made of: models, tools, judge and reward, by the constructors of their kinds.
 * Each is opened when the first stage asks for it, and closed with the run.
 */

import type { Matcher } from './agent/matcher.ts';
import type { Judge, LanguageModel, RewardModel } from './agent/model.ts';
import { type Paid, UNCOUNTED } from './agent/paid.ts';
import type { ToldTool, Tool } from './agent/tool.ts';
import { ConfigError, type DeviceError } from './errors.ts';
import type { FollowConfig } from './models/following-model.ts';
import type { LanguageModelConfig, LanguageModelContext } from './models/language-models.ts';
import type { ModuleContext } from './modules/call-module.ts';
import type { OwnPart } from './own-stages/own-part.ts';
import { make } from './parts/kind.ts';
import type { Reader, ReaderContext } from './questions/reader.ts';
import { type WaitNotice, waitNotice } from './runtime/wait-notice.ts';
import {
  ADVANTAGES,
  type AnyToolKind,
  JUDGES,
  type JudgeContext,
  MATCHERS,
  POLICIES,
  READERS,
  REWARDS,
  type RewardContext,
  STAGE_KINDS,
  TOOLS,
  type ToolKindContext,
} from './topology/kinds.ts';
import type { OwnStageConfig } from './topology/stage-configs.ts';
import type { Topology } from './topology/topology.ts';
import type { Advantage } from './train/advantage.ts';

export interface Parts {
  /** The policy, as the stage that asks for it follows training or not: one for all that do alike. */
  policy(stage?: 'rollout' | 'resample'): Promise<LanguageModel>;
  tools(): Promise<readonly Tool[]>;
  /** A tool by its name, as policies are told of it; null where there is none. It is not opened for that. */
  toldOf(name: string, signal: AbortSignal): Promise<ToldTool | null>;
  judge(): Promise<Judge>;
  rewardModel(): Promise<RewardModel>;
  matcher(): Promise<Matcher>;
  advantage(config: Topology['stages']['train'] & object): Promise<Advantage>;
  /** `stage`: for what it is asked, in the ledger. */
  languageModel(config: LanguageModelConfig, stage?: string): Promise<LanguageModel>;
  /** The module of a stage of one's own. */
  stage(name: string, config: OwnStageConfig): Promise<OwnPart>;
  /** Hears what the user should know, each thing once. */
  readonly notify: (message: string) => void;
  /** Says, once for each, that a model or a tool has not answered for long. */
  readonly waits: WaitNotice;
  /** Told, once, why a model runs on the float64 reference. */
  readonly onFallback: (reason: DeviceError) => void;
  /** Has it closed with the run. */
  keep<T extends { close?(): Promise<void> }>(part: T): T;
  /** Gives back everything that was opened, newest first. */
  close(): Promise<void>;
}

/** A part that a program made itself, which it also closes, or what makes one, which is closed with the run. */
export type Own<T extends object> = T | ((context: ModuleContext) => Promise<T>);

/** Parts of a program in place of, and tools beside, those of the topology. */
export interface OwnParts {
  readonly policy?: LanguageModel | undefined;
  readonly tools?: readonly Own<Tool>[] | undefined;
  readonly judge?: Own<Judge> | undefined;
  readonly reward?: Own<RewardModel> | undefined;
}

export interface PartsDeps {
  readonly own?: OwnParts;
  /**
   * For a policy that follows training: the step of the newest update that was told, 0 for none, and where
   * checkpoints are.
   */
  readonly training?: {
    readonly published: (signal: AbortSignal) => Promise<number>;
    readonly checkpoints: string;
  };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The door of paid requests; by default they are neither kept nor counted. */
  readonly paid?: Paid | undefined;
  /** Notes for the user, such as that there is no adapter. */
  readonly notify: (message: string) => void;
}

/** The parts of a topology; nothing is opened yet. */
export function openParts(topology: Topology, deps: PartsDeps): Parts {
  const opened: { close?(): Promise<void> }[] = [];
  const keep: Parts['keep'] = (part) => {
    opened.push(part);
    return part;
  };

  const told = new Set<string>();
  /** The policy and the learner may have the same to say. */
  const notifyOnce = (message: string) => {
    if (!told.has(message)) deps.notify(message);
    told.add(message);
  };
  const onFallback = (reason: DeviceError) =>
    notifyOnce(`${reason.message} Going on with the float64 reference, which is slow.`);

  const { seed, modules, runtime } = topology;
  const waits = waitNotice({ afterMs: runtime.waitNoticeMs, notify: deps.notify });
  const { paid = UNCOUNTED } = deps;
  const base = {
    waits,
    seed,
    modules,
    paid,
    env: deps.env,
    onFallback,
    notify: notifyOnce,
    now: () => performance.now(),
    shared: sharing(keep),
  };

  const { own = {} } = deps;
  const given = async <T extends object>(part: Own<T>, name: string): Promise<T> =>
    typeof part === 'function' ? keep(await part({ ...base, name })) : part;

  const languageModel: Parts['languageModel'] = async (config, stage) =>
    keep(
      await make<LanguageModelContext, LanguageModel>(POLICIES, config, { ...base, ...(stage && { stage }) }),
    );

  const openPolicy = async (follow: FollowConfig | null): Promise<LanguageModel> => {
    if (own.policy !== undefined) return own.policy;
    const { policy: model, stages } = topology;
    const { notify, training } = deps;
    if (!follow || model.kind !== 'local' || !stages.train || !training)
      return languageModel(model, 'rollout');
    const { followedPolicy } = await import('./train/followed-policy.ts');
    return keep(
      await followedPolicy({
        ...{ follow, model, notify, onFallback },
        parameters: stages.train.parameters,
        runSeed: seed,
        ...training,
      }),
    );
  };
  const policies = new Map<string, Promise<LanguageModel>>();
  const policy: Parts['policy'] = (stage = 'rollout') => {
    const follow = topology.stages[stage]?.follow ?? null;
    const key = JSON.stringify(follow);
    const opened = policies.get(key) ?? openPolicy(follow);
    policies.set(key, opened);
    return stage === 'rollout' ? opened : opened.then((model) => askedFor(stage, model));
  };

  const tools = once(async () => {
    const [{ openTools }, { paidTool }] = await Promise.all([
      import('./tools/open-tools.ts'),
      import('./tools/paid-tool.ts'),
    ]);
    const made = await openTools(topology.tools, async (name, config) =>
      paidTool(await openTool(name, config, base), { config, paid }),
    );
    for (const tool of made) keep(tool);
    const others = await Promise.all((own.tools ?? []).map((tool) => given(tool, 'tools')));
    return [...made, ...others];
  });

  const languageModelFor = (stage: string) => (config: LanguageModelConfig) => languageModel(config, stage);

  const judgeOf = async (config: { readonly kind: string }): Promise<Judge> =>
    keep(
      await make<JudgeContext, Judge>(JUDGES, config, {
        ...{ ...base, name: 'judge', tools },
        languageModel: languageModelFor('judge'),
      }),
    );

  const judge = once(() => (own.judge === undefined ? judgeOf(topology.judge) : given(own.judge, 'judge')));

  return {
    policy,
    tools,
    toldOf: async (name, signal) => {
      const config = topology.tools[name];
      if (config !== undefined) return toldOf(config, { ...base, name }, signal);
      if (own.tools === undefined) return null;
      const tool = (await tools()).find((one) => one.name === name);
      return tool === undefined
        ? null
        : { tag: tool.tag, description: (await tool.describe?.(signal)) ?? null };
    },
    judge,
    rewardModel: once(async () => {
      if (own.reward !== undefined) return given(own.reward, 'reward');
      const rules = () => judgeOf({ kind: 'rules' });
      const context = {
        ...{ ...base, name: 'reward', rules, judge },
        languageModel: languageModelFor('reward'),
      };
      return keep(await make<RewardContext, RewardModel>(REWARDS, topology.reward, context));
    }),
    matcher: once(async () =>
      keep(await make<ModuleContext, Matcher>(MATCHERS, topology.matcher, { ...base, name: 'matcher' })),
    ),
    advantage: async ({ advantage }) => {
      const config = typeof advantage === 'string' ? { kind: advantage } : advantage;
      const context = { ...base, name: 'stages.train.advantage' };
      return keep(await make<ModuleContext, Advantage>(ADVANTAGES, config, context));
    },
    languageModel,
    stage: async (name, config) =>
      keep(await make<ModuleContext, OwnPart>(STAGE_KINDS, config, { ...base, name: `stages.${name}` })),
    notify: notifyOnce,
    waits,
    onFallback,
    keep,
    close: async () => {
      for (const part of opened.splice(0).reverse()) await part.close?.();
    },
  };
}

/** What opens a reader. */
export interface OpenReaderOptions {
  /** Where it stands, such as `readers.mine` or `--reader`. */
  readonly name: string;
  readonly topology: Topology;
  readonly notify: (message: string) => void;
}

/** Opens a reader of data files; the caller closes it. */
export function openReader(
  config: Topology['readers'][string],
  { name, topology, notify }: OpenReaderOptions,
): Promise<Reader> {
  const { seed, modules, tasks, tools } = topology;
  return make<ReaderContext & ModuleContext, Reader>(READERS, config, {
    ...{ name, seed, modules, notify },
    tasks: Object.keys(tasks),
    maxSteps: (task) => (Object.hasOwn(tasks, task) ? tasks[task]?.maxSteps : undefined),
    calculator: () => {
      const [calculator] = Object.entries(tools).filter(([, tool]) => tool.kind === 'calculator');
      if (calculator !== undefined) {
        const deps = { env: process.env, now: () => performance.now(), notify, shared: sharing() };
        return openTool(...calculator, { seed, modules, ...deps });
      }
      throw new ConfigError(
        'this data set needs a tool of kind calculator in the topology: add one under `tools`',
      );
    },
  });
}

/** Opens one tool. */
export function openTool(
  name: string,
  config: Topology['tools'][string],
  context: Omit<ToolKindContext, 'name'>,
): Promise<Tool> {
  return make<ToolKindContext, Tool>(TOOLS, config, { ...context, name });
}

async function toldOf(
  config: Topology['tools'][string],
  context: ToolKindContext,
  signal: AbortSignal,
): Promise<ToldTool> {
  const kinds: readonly AnyToolKind[] = TOOLS;
  const found = kinds.find(({ name }) => name === config.kind);
  return { tag: config.tag, description: (await found?.describe?.(config, context, signal)) ?? null };
}

/** What is made once for each key; `keep` has it closed, also where no tool has come to own it. */
export function sharing(keep: (part: Closeable) => unknown = () => {}): ToolKindContext['shared'] {
  const made = new Map<string, unknown>();
  return <T extends Closeable>(key: string, make: () => T): T => {
    const before = made.get(key);
    if (before !== undefined) return before as T;
    const part = make();
    made.set(key, part);
    keep(part);
    return part;
  };
}

interface Closeable {
  close?(): Promise<void>;
}

/** A model that another stage shares, in whose name it is asked. */
function askedFor(stage: string, model: LanguageModel): LanguageModel {
  return {
    get name() {
      return model.name;
    },
    get thinking() {
      return model.thinking;
    },
    complete: (request) => model.complete({ ...request, stage }),
    close: () => model.close(),
  };
}

/** Remembers the first call's result. */
function once<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return () => {
    opened ??= open();
    return opened;
  };
}
