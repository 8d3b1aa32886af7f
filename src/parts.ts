/**
 * What the stages are made of: models, tools, the trainer. Each is opened when the first stage asks for it, and
 * closed with the run.
 */
import { join } from 'node:path';
import type { Judge, LanguageModel, RewardModel, Task } from './agent/model.ts';
import type { PolicyFolder } from './checkpoint/folder.ts';
import type { Engine } from './engine/engine.ts';
import { ConfigError, type DeviceError } from './errors.ts';
import type { LocalModelConfig } from './models/local-model-config.ts';
import type { Tool } from './tools/tool.ts';
import type { Codec } from './topics/avro/codec.ts';
import type { Transport } from './topics/transport.ts';
import { runFolder } from './topology/resolved.ts';
import type { Topology } from './topology/topology.ts';
import type { TrainStage } from './train/train-stage.ts';

export interface Parts {
  readonly tasks: ReadonlyMap<string, Task>;
  policy(): Promise<LanguageModel>;
  tools(): Promise<readonly Tool[]>;
  judge(): Promise<Judge>;
  /** The language model that judges; null where rules do. */
  judgeModel(): Promise<LanguageModel | null>;
  rewardModel(): Promise<RewardModel>;
  train(config: NonNullable<Topology['stages']['train']>): Promise<TrainStage>;
  /** Gives back everything that was opened, newest first. */
  close(): Promise<void>;
}

export interface PartsDeps {
  readonly transport: Transport;
  readonly codec: Codec;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Notes for the user, such as that there is no adapter. */
  readonly notify: (message: string) => void;
}

/** The parts of a topology; nothing is opened yet. */
export function partsOf(topology: Topology, deps: PartsDeps): Parts {
  const opened: { close(): Promise<void> }[] = [];
  const keep = <T extends { close(): Promise<void> }>(part: T): T => {
    opened.push(part);
    return part;
  };

  const told = new Set<string>();
  /** The policy and the learner may have the same to say. */
  const notifyOnce = (message: string) => {
    if (!told.has(message)) deps.notify(message);
    told.add(message);
  };
  const tellFallback = (reason: DeviceError) =>
    notifyOnce(`${reason.message} Going on with the float64 reference, which is slow.`);

  const engineOf = async (
    config: LocalModelConfig,
  ): Promise<{ readonly policy: PolicyFolder; readonly engine: Engine }> => {
    const { openPolicy } = await import('./checkpoint/folder.ts');
    const { openEngine } = await import('./checkpoint/open-engine.ts');
    const policy = await openPolicy(config.checkpoint);
    const sampling = { slots: config.slots, maxLength: config.contextTokens };
    const { device, precision } = config;
    const engine = await openEngine(policy, {
      device,
      precision,
      onFallback: tellFallback,
      sampling,
      training: false,
    });
    return { policy, engine: keep(engine) };
  };

  const languageModel = async (config: Topology['policy']): Promise<LanguageModel> => {
    const runSeed = topology.seed;
    if (config.kind === 'openai') {
      const { openaiModel } = await import('./models/openai.ts');
      return keep(await openaiModel(config, { runSeed, env: deps.env }));
    }
    const { LocalModel } = await import('./models/local-model.ts');
    const { hashEngine } = await import('./checkpoint/weights-hash.ts');
    const { policy, engine } = await engineOf(config);
    const hash = await hashEngine(engine);
    return keep(new LocalModel(config, { engine, policy, runSeed, weightsHash: () => hash }));
  };

  const policy = once(async (): Promise<LanguageModel> => {
    const { policy: model, stages } = topology;
    const follow = stages.rollout?.follow;
    if (!follow || model.kind !== 'local' || !stages.train) return languageModel(model);
    const { followedPolicy } = await import('./train/followed-policy.ts');
    const { lastStep } = await import('./train/train-topics.ts');
    const { transport, codec, notify } = deps;
    const { signal } = new AbortController();
    return keep(
      await followedPolicy({
        ...{ follow, model, notify, onFallback: tellFallback },
        parameters: stages.train.parameters,
        runSeed: topology.seed,
        checkpoints: join(runFolder(topology), 'checkpoints'),
        published: () => lastStep({ transport, codec, signal }),
      }),
    );
  });

  const tools = once(async () => {
    const { makeTools } = await import('./tools/registry.ts');
    const made = await makeTools(topology.tools, { now: () => performance.now() });
    for (const tool of made) keep(tool);
    return made;
  });

  const rulesJudge = async (): Promise<Judge> => {
    const { rulesJudge } = await import('./judge/rules-judge.ts');
    return rulesJudge({ tools: await tools() });
  };

  const judgeModel = once(async (): Promise<LanguageModel | null> => {
    const config = topology.judge;
    return config.kind === 'openai' || config.kind === 'local' ? languageModel(config) : null;
  });

  const judge = once(async (): Promise<Judge> => {
    const config = topology.judge;
    switch (config.kind) {
      case 'rules':
        return rulesJudge();
      case 'lab':
        return (await import('./lab/judge.ts')).makeLabJudge();
      case 'openai':
      case 'local': {
        const { modelJudge } = await import('./judge/model-judge.ts');
        return modelJudge(config, { model: (await judgeModel()) as LanguageModel });
      }
    }
  });

  const rewardModel = once(async (): Promise<RewardModel> => {
    const config = topology.reward;
    switch (config.kind) {
      case 'constant':
        return (await import('./reward/constant-reward.ts')).constantReward(config);
      case 'verdict':
        return (await import('./reward/verdict-reward.ts')).verdictReward(config);
      case 'rules':
        return (await import('./reward/rules-reward.ts')).rulesReward(config, { rules: await rulesJudge() });
      case 'openai':
      case 'local': {
        const { modelReward } = await import('./reward/model-reward.ts');
        return modelReward(config, { model: await languageModel(config) });
      }
    }
  });

  const train: Parts['train'] = async (config) => {
    const { openLearner } = await import('./train/open-learner.ts');
    const { trainStage } = await import('./train/train-stage.ts');
    const { trainTopics } = await import('./train/train-topics.ts');
    const { transport, codec } = deps;
    const topic = config.reads;
    const run = topology.source?.topic === topic ? topology.source.run : undefined;
    // The stage itself stops reading again when it is closed.
    const { signal } = new AbortController();
    const learner = keep(
      await openLearner({
        config,
        model: learnerOf(topology),
        seed: topology.seed,
        onFallback: tellFallback,
      }),
    );
    return keep(
      trainStage(config, {
        ...learner,
        instructions: new Map(
          Object.entries(topology.tasks).map(([name, task]) => [name, task.instructions]),
        ),
        checkpoints: join(runFolder(topology), 'checkpoints'),
        run: topology.run,
        stage: 'train',
        topic,
        window: config.window,
        ...trainTopics({ transport, codec, stage: 'train', topic, run, signal }),
      }),
    );
  };

  return {
    tasks: new Map(Object.entries(topology.tasks).map(([name, task]) => [name, { name, ...task }])),
    policy,
    tools,
    judge,
    judgeModel,
    rewardModel,
    train,
    close: async () => {
      for (const part of opened.splice(0).reverse()) await part.close();
    },
  };
}

/** The local policy that is trained. Throws `ConfigError` where there is none. */
function learnerOf({ learner, policy }: Topology): LocalModelConfig {
  if (learner) return learner;
  if (policy.kind === 'local') return policy;
  throw new ConfigError(
    `train needs a local policy, and the topology's policy is ${policy.model} behind ${policy.baseUrl}: name the one to train under \`learner\``,
  );
}

/** Remembers the first call's result. */
function once<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return () => {
    opened ??= open();
    return opened;
  };
}
