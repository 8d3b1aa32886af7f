/** What a dry run reckons by: records of a run, or where there are none a sample of prompts and the bounds. */
import { endpointOf } from '../models/ask-one-token.ts';
import { openTransport } from '../open-transport.ts';
import { type Asked, type EstimateInput, meanRange, type Range } from '../spending/estimate.ts';
import { accountsOf } from '../spending/open-spending.ts';
import { readRecords } from '../topics/read-records.ts';
import type { Question, Trajectory } from '../topics/records.generated.ts';
import { codecOf } from '../topology/codec-of.ts';
import { runFolder } from '../topology/resolved.ts';
import type { Topology } from '../topology/topology.ts';

/** What one question brings about, and what was found out about it. */
export interface Basis extends Pick<EstimateInput, 'steps' | 'scored' | 'asked'> {
  /** How many trajectories of a run it was read from; 0: from prompts and bounds. */
  readonly records: number;
}

/** Trajectories that are looked at. */
const MOST_TRAJECTORIES = 1000;

/** Characters of a token: of a text in English about four. */
const TOKEN_CHARS: Range = { low: 2.5, high: 5 };
/** Characters of instructions and examples that Swirl writes by itself. */
const OWN_INSTRUCTIONS: Range = { low: 500, high: 5000 };
/** Characters of a reviewer's prompt, without what it is shown. */
const REVIEW_PROMPT: Range = { low: 1000, high: 2500 };
/** Most tokens of an answer where nothing bounds them. */
const UNBOUNDED = 8192;

/** What was measured in a run, of which `topology` is the kept one; null where it has no trajectories. */
export async function measuredIn(run: Topology): Promise<Measured | null> {
  const transport = await openTransport(run, { access: 'read', notify: () => {} });
  try {
    const codec = await codecOf(run, 'read');
    const infos = await transport.topics();
    const count = (topic: string) =>
      infos
        .find(({ name }) => name === topic)
        ?.offsets.reduce((sum, { start, end }) => sum + end - start, 0) ?? 0;
    if (count('trajectories') === 0) return null;
    const steps: number[] = [];
    const calls = new Map<string, number[]>();
    const names = Object.keys(run.tools);
    for await (const record of readRecords({ transport, codec }, 'trajectories')) {
      const { steps: all } = record as Trajectory;
      steps.push(all.length);
      for (const name of names) {
        const number = all.filter(({ observation }) => observation?.tool === name).length;
        calls.set(name, [...(calls.get(name) ?? []), number]);
      }
      if (steps.length === MOST_TRAJECTORIES) break;
    }
    const judged = count('judged');
    const accepted = judged === 0 ? null : Math.min(1, count('accepted') / judged);
    const accounts = accountsOf(runFolder(run));
    const tokens = new Map(
      accounts.flatMap(({ stage, answered, unmetered, usage }) => {
        const metered = answered - unmetered;
        if (metered <= 0) return [];
        return [[stage, { input: usage.input / metered, output: usage.output / metered }] as const];
      }),
    );
    return { steps, calls, accepted, tokens };
  } finally {
    await transport.close();
  }
}

interface Measured {
  /** Of each trajectory. */
  readonly steps: readonly number[];
  readonly calls: ReadonlyMap<string, readonly number[]>;
  /** Share of the judged steps; null where none was judged. */
  readonly accepted: number | null;
  /** Means of a request, by stage. */
  readonly tokens: ReadonlyMap<string, { readonly input: number; readonly output: number }>;
}

/** `sample`: questions, for the length of their texts and for their tasks. */
export function basisOf(topology: Topology, sample: readonly Question[], measured: Measured | null): Basis {
  const { stages, policy, judge, reward } = topology;
  const tasks = tasksOf(topology, sample);
  const most = Math.max(1, ...tasks.map(({ maxSteps }) => maxSteps));
  const steps = meanRange(measured?.steps ?? [], { low: 1, high: most });
  const share =
    stages.filter?.mode === 'none' || stages.filter === undefined
      ? { low: 1, high: 1 }
      : measured?.accepted == null
        ? { low: 0, high: 1 }
        : around(measured.accepted, { low: 0, high: 1 });
  const accepted = { low: steps.low * share.low, high: steps.high * share.high };
  const texts = textsOf(topology, { sample, most });
  const asked: Asked[] = [];
  const ask = (stage: string, model: { readonly kind: string }, each: Range, prompt: Range) => {
    const config = endpointOf(model);
    if (config === null) return;
    const { maxTokens } = config;
    const found = measured?.tokens.get(stage);
    const bounds = { input: tokensOf(prompt), output: { low: 1, high: maxTokens ?? UNBOUNDED } };
    asked.push({
      ...{ stage, model: config.model, kind: 'model', each },
      input: found === undefined ? bounds.input : around(found.input),
      output: found === undefined ? bounds.output : around(found.output),
    });
  };
  if (stages.rollout) ask('rollout', policy, steps, texts.policy);
  if (stages.tools) {
    for (const [name, { kind }] of Object.entries(topology.tools)) {
      if (!['http', 'mcp', 'module'].includes(kind) || !tasks.some(({ tools }) => tools.includes(name)))
        continue;
      // The last step calls nothing.
      const each = meanRange(measured?.calls.get(name) ?? [], { low: 0, high: Math.max(0, steps.high - 1) });
      const none = { low: 0, high: 0 };
      asked.push({ stage: 'tools', model: name, kind: 'tool', each, input: none, output: none });
    }
  }
  const judgments = stages.judge ? steps : { low: 0, high: 0 };
  const drawn = stages.resample ? scaled(accepted, stages.resample.actions) : accepted;
  const asksJudge = reward.kind === 'judge' && stages.reward ? drawn : { low: 0, high: 0 };
  if (stages.resample) ask('resample', policy, drawn, texts.policy);
  ask('judge', judge, scaled(plus(judgments, asksJudge), votesOf(judge)), texts.reviewer);
  if (stages.reward) ask('reward', reward, scaled(drawn, votesOf(reward)), texts.reviewer);
  return {
    ...{ steps, scored: drawn, records: measured?.steps.length ?? 0 },
    asked: asked.filter(({ each }) => each.high > 0),
  };
}

type UsedTask = Topology['tasks'][string];

function tasksOf({ tasks }: Topology, sample: readonly Question[]): UsedTask[] {
  const named = [...new Set(sample.map(({ task }) => task))].flatMap((name) => tasks[name] ?? []);
  return named.length > 0 ? named : Object.values(tasks);
}

/** Characters of a prompt of the policy and of a reviewer, at the least and at the most. */
function textsOf(
  topology: Topology,
  { sample, most }: { readonly sample: readonly Question[]; readonly most: number },
): { readonly policy: Range; readonly reviewer: Range } {
  const lengths = sample.map(({ text }) => text.length);
  const question = lengths.length === 0 ? { low: 20, high: 2000 } : ends(lengths);
  const told = tasksOf(topology, sample).map(({ instructions, examples }) =>
    instructions === null
      ? OWN_INSTRUCTIONS
      : fixed(instructions.length + JSON.stringify(examples ?? []).length),
  );
  const instructions = { low: least(told), high: Math.max(0, ...told.map(({ high }) => high)) };
  const shown = Object.values(topology.tools).map((tool) => ('maxChars' in tool ? tool.maxChars : 500));
  const observation = Math.min(topology.stages.tools?.maxObservationChars ?? 20_000, Math.max(0, ...shown));
  const { policy } = topology;
  const action = (policy.maxTokens ?? UNBOUNDED) * TOKEN_CHARS.high;
  const history = { low: 0, high: (most - 1) * (action + observation) };
  const { judge, reward } = topology;
  const bound = Math.max(
    ...[judge, reward].map((one) => ('maxPromptChars' in one ? one.maxPromptChars : 0)),
    1,
  );
  const conversation = { low: question.low, high: Math.min(bound, question.high + history.high + action) };
  return {
    policy: plus(plus(instructions, question), history),
    reviewer: plus(REVIEW_PROMPT, conversation),
  };
}

function votesOf(model: object): number {
  return 'votes' in model && typeof model.votes === 'number' ? model.votes : 1;
}

/** Of a mean that was measured, without its spread: a fifth to either side. */
function around(mean: number, { low, high }: Range = { low: 0, high: Number.POSITIVE_INFINITY }): Range {
  return { low: Math.max(low, 0.8 * mean), high: Math.min(high, 1.2 * mean) };
}

function tokensOf({ low, high }: Range): Range {
  return { low: low / TOKEN_CHARS.high, high: high / TOKEN_CHARS.low };
}

function ends(numbers: readonly number[]): Range {
  const mean = numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
  return { low: mean, high: mean };
}

function least(ranges: readonly Range[]): number {
  return ranges.length === 0 ? 0 : Math.min(...ranges.map(({ low }) => low));
}

function fixed(value: number): Range {
  return { low: value, high: value };
}

function scaled({ low, high }: Range, by: number): Range {
  return { low: low * by, high: high * by };
}

function plus(a: Range, b: Range): Range {
  return { low: a.low + b.low, high: a.high + b.high };
}
