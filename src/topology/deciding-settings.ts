/** Which settings decide what a run records, which stage's records each decides, and how two topologies differ. */
import { changesIn } from './changes.ts';
import { flowStages } from './flow.ts';
import { pathText } from './problem.ts';
import type { Topology } from './topology.ts';

/** Say where a run is, how it is worked on, or what is checked by itself when it is opened. */
const FREE_ROOTS = [
  'run',
  'folder',
  'transport',
  'readers',
  'runtime',
  'cache',
  'prices',
  'budget',
  'alarms',
  'metrics',
  'traces',
  'updateFiles',
  'modules',
  'fed',
  'topics',
  'ownTopics',
];

/** Change when and how fast records come, or by which path something is reached, and not what is in them. */
const FREE_KEYS = [
  ...['concurrency', 'timeoutMs', 'retry', 'slots', 'chunkTokens', 'stepTokens', 'maxResponseBytes'],
  ...['apiKeyEnv', 'tokenEnv', 'headersEnv', 'recompute', 'checkpointEvery', 'keepCheckpoints', 'keepEvery'],
  ...['hashEvery', 'loadTimeoutMs', 'renderTimeoutMs', 'maxRebuilds', 'matmul', 'contexts', 'cached'],
  ...['passagesAtOnce', 'queryTimeoutMs', 'keepQueries', 'vectorMb', 'filterAbove', 'stepLogprobs'],
  // Modules and prompts are compared by their contents.
  ...['path', 'prompt', 'hash', 'promptHash'],
];

/** Change nothing where what they name is the same, which Swirl cannot know: told, not refused. So is a stage left out. */
const TOLD_KEYS = ['checkpoint', 'corpus', 'baseUrl', 'url', 'server', 'device', 'window'];

/** A setting that may decide what is recorded. */
export interface Difference {
  /** As people write it. */
  readonly path: string;
  /** As JSON; undefined where it is not there. */
  readonly was: string | undefined;
  readonly is: string | undefined;
  /** The stages whose records it decides. */
  readonly stages: readonly string[];
  /** Whether it is told only. */
  readonly isTold: boolean;
}

/** What differs of the settings that decide records. What is only added decides none of those that are there. */
export function differencesOf(was: Topology, is: Topology): Difference[] {
  // Another kind of part is told as a whole.
  const into = (a: { readonly kind?: unknown }, b: { readonly kind?: unknown }) => a.kind === b.kind;
  return (
    changesIn(was, is, { skip: FREE_KEYS, into })
      .filter(({ path: [root = ''] }) => !FREE_ROOTS.includes(root))
      // Instructions that are not said are those that the run has, or are written when it goes on.
      .filter(({ path, is: now }) => path.at(-1) !== 'instructions' || now !== null)
      .filter(({ path, was: before }) => before !== undefined || path.length !== 2)
      .map(({ path, was: before, is: now }) => ({
        path: pathText(path),
        was: before === undefined ? undefined : JSON.stringify(before),
        is: now === undefined ? undefined : JSON.stringify(now),
        stages: stagesOf(path, was),
        // What a topology does not say may be what an earlier version had by default.
        isTold: path.some((key) => TOLD_KEYS.includes(key)) || now === undefined,
      }))
  );
}

/** The stages whose records a setting decides, of those that the run has. */
function stagesOf(path: readonly string[], topology: Topology): string[] {
  const [root = '', name = ''] = path;
  const byRules = (['judge', 'reward'] as const).filter((part) => topology[part].kind === 'rules');
  const judged = topology.reward.kind === 'judge' ? ['judge', 'reward'] : ['judge'];
  const decided: Readonly<Record<string, readonly string[]>> = {
    seed: ['rollout', 'resample', 'train'],
    policy: ['rollout', 'resample', ...(topology.learner === null ? ['train'] : [])],
    learner: ['train'],
    judge: judged,
    reward: ['reward'],
    matcher: ['filter'],
    tasks: ['rollout', 'tools', 'resample', 'train'],
    tools: ['rollout', 'tools', 'resample', ...byRules],
    stages: [name],
    ownStages: [name],
    source: flowStages(topology).flatMap((stage) =>
      stage.reads === topology.source?.topic ? stage.name : [],
    ),
  };
  const there = flowStages(topology).map((stage) => stage.name);
  return (decided[root] ?? there).filter((stage) => there.includes(stage));
}
