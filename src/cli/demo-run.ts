/** What `swirl demo` does: evaluate, run the flow, evaluate again, and tell. */
import { join, resolve } from 'node:path';
import { answersMatch } from '../agent/answers.ts';
import { goldAnswers } from '../agent/gold-answers.ts';
import { openPolicy } from '../checkpoint/folder.ts';
import { readWeights } from '../checkpoint/weight-files.ts';
import { hashWeights } from '../checkpoint/weights-hash.ts';
import { tensorShapes } from '../engine/config.ts';
import { ConfigError, DeviceError } from '../errors.ts';
import { type EvaluateOptions, evaluate } from '../evaluate/evaluate.ts';
import { type OpenRun, openRun } from '../open-run.ts';
import { arrayOf } from '../topics/read-records.ts';
import { freeName } from '../topology/replay.ts';
import { nextSteps } from './demo-next.ts';
import type { Counts, Decoding, Outcome, Outcomes } from './demo-report.ts';
import { report, rightAnswers, summary } from './demo-report.ts';
import { showTrajectories } from './demo-trajectories.ts';
import { EXIT } from './exit.ts';
import { interrupts } from './interrupt.ts';
import { type LabFlow, labFlow, labFlowConfig } from './lab-flow.ts';
import { newsOf } from './news-of.ts';
import { showAnswered, showProgress } from './progress.ts';
import { RunStatus } from './run-status.ts';
import { type Beside, watchBeside } from './watch-beside.ts';
import { writeReport } from './write-report.ts';

export interface DemoOptions {
  readonly json?: boolean;
  readonly questions: number;
  readonly heldOut: number;
  readonly seed: number;
  readonly folder: string;
  readonly policy?: string;
}

/** Trajectories in the report that it leaves. */
const REPORTED = 60;

/** Returns the exit code. With `json` everything but the last line goes to stderr. */
export async function demo(options: DemoOptions): Promise<number> {
  const started = performance.now();
  const say = (text: string) => (options.json ? process.stderr : process.stdout).write(`${text}\n`);
  const folder = resolve(options.folder);
  const flow = await labFlow(labConfig(options), { run: freeName(folder, 'demo'), folder });
  const { topology } = flow;
  const base = (topology.policy as { readonly checkpoint: string }).checkpoint;
  // Before there is a run: what cannot begin leaves none.
  await openPolicy(base);
  const { stop, abort, release } = interrupts((message) => process.stderr.write(`\n${message}\n`));
  const run = await openRun(topology);
  const beside = watchBeside(topology, { say });
  try {
    say(
      'A very small policy is asked questions over a fictional encyclopedia, and word\n' +
        'problems; it learns from its own steps, each of which is judged.\n' +
        `Run ${topology.run} in ${run.folder}\n`,
    );
    const decide = { stop, abort };
    const before = await measure(flow, run, { when: 'before', policyFolder: base, say, ...decide });
    if (before === null) return EXIT.interrupted;
    say(`\n${flow.questions.length} questions into the flow:`);
    const device = await runFlow(flow, run, { ...decide, beside });
    if (device === null) return EXIT.interrupted;
    const counts = await countRecords(run);
    say(`\n${await showTrajectories(run)}\n`);
    const { updates } = counts;
    if (updates === 0)
      throw new ConfigError('no step was accepted, so nothing was learned: ask more questions (--questions)');
    const trained = join(run.folder, 'checkpoints', `step-${updates}`);
    const after = await measure(flow, run, { when: 'after', policyFolder: trained, say, ...decide });
    if (after === null) return EXIT.interrupted;
    const result = {
      counts,
      before,
      after,
      hashBefore: await hashOf(base),
      hashAfter: await hashOf(trained),
      seconds: (performance.now() - started) / 1000,
      device,
    };
    say(`\n${report(result)}\n\n${nextSteps({ run: topology.run, folder: run.folder })}`);
    say(`\nAs one file: ${(await writeReport(topology, { trajectories: REPORTED })).said}`);
    if (options.json) process.stdout.write(`${JSON.stringify(summary(result))}\n`);
    return counts.failures > 0 ? EXIT.failures : EXIT.done;
  } finally {
    release();
    await beside.stop();
    await run.close();
  }
}

function labConfig({ questions, heldOut, seed, policy }: DemoOptions) {
  const parsed = labFlowConfig.safeParse({
    ...{ questions, heldOut, seed },
    ...(policy === undefined ? {} : { checkpoint: resolve(policy) }),
  });
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    parsed.error.issues.map(({ path, message }) => `--${path.join('.')}: ${message}`).join('\n'),
  );
}

type Interrupting = Pick<EvaluateOptions, 'stop' | 'abort'>;

/** Both ways of decoding on the held-out questions; null when interrupted. */
async function measure(
  { topology, heldOut }: LabFlow,
  run: OpenRun,
  options: Interrupting & {
    readonly when: string;
    readonly policyFolder: string;
    readonly say: (text: string) => void;
  },
): Promise<Outcomes | null> {
  const { when, policyFolder, say, stop, abort } = options;
  const outcomes: Partial<Record<Decoding, readonly Outcome[]>> = {};
  for (const [decoding, temperature] of [
    ['sampled', 1],
    ['greedy', 0],
  ] as const) {
    say(`evaluating ${when}, ${decoding}: ${heldOut.length} held-out questions`);
    const name = `${topology.run}-${when}-${decoding}`;
    const { finished } = await evaluate(topology, {
      ...{ run: name, questions: heldOut, policyFolder, temperature, stop, abort },
      watch: (look) => showAnswered(look, process.stderr),
    });
    if (!finished) return null;
    const found = await outcomesOf(run, name);
    outcomes[decoding] = found;
    say(`  ${rightAnswers(found)}`);
  }
  return outcomes as Outcomes;
}

/** Runs all stages over the questions with progress; returns the device, or null when interrupted. */
async function runFlow(
  { questions }: LabFlow,
  run: OpenRun,
  { stop, abort, beside }: Interrupting & { readonly beside: Beside },
): Promise<string | null> {
  await run.feed('questions', questions);
  const notify = (message: string) => process.stderr.write(`${message}\n`);
  const status = new RunStatus();
  const started = await run.start({ untilDrained: true, stop, abort, notify, observer: status });
  beside.follow(() => newsOf(started, status));
  const shown = showProgress({ progress: () => started.progress(), stream: process.stderr, status });
  try {
    const end = await started.finished;
    return end === 'drained' ? await deviceName() : null;
  } finally {
    await shown.stop();
  }
}

/** What came of each held-out question in an evaluation's run. */
async function outcomesOf(run: OpenRun, name: string): Promise<Outcome[]> {
  const judged = await arrayOf(run.read('judged', { run: name }));
  const labels = new Map<string, boolean[]>();
  for (const { subTrajectory, verdict } of judged) {
    const { trajectory } = subTrajectory;
    labels.set(trajectory, [...(labels.get(trajectory) ?? []), verdict.label === 'GOOD']);
  }
  const trajectories = await arrayOf(run.read('trajectories', { run: name }));
  return trajectories.map(({ id, question, answer }) => {
    const good = labels.get(id) ?? [];
    return {
      question: question.id,
      task: question.task,
      right: answer !== null && answersMatch(answer, goldAnswers(question)),
      goodSteps: good.filter((label) => label).length / good.length,
    };
  });
}

async function countRecords(run: OpenRun): Promise<Counts> {
  const topics = new Map((await run.transport.topics()).map(({ name, offsets }) => [name, offsets]));
  const of = (topic: string) =>
    (topics.get(topic) ?? []).reduce((sum, { start, end }) => sum + end - start, 0);
  const rewards = (await arrayOf(run.read('scored'))).map(({ reward }) => reward.value);
  return {
    questions: of('questions'),
    trajectories: of('trajectories'),
    subTrajectories: of('sub-trajectories'),
    verdicts: of('judged'),
    accepted: of('accepted'),
    scored: of('scored'),
    updates: of('updates'),
    failures: of('failures'),
    meanReward: rewards.reduce((sum, value) => sum + value, 0) / rewards.length,
  };
}

async function hashOf(folder: string): Promise<string> {
  const policy = await openPolicy(folder);
  return hashWeights(await readWeights(policy), tensorShapes(policy.config));
}

/** What the policy ran on: as the local engine chooses it. */
async function deviceName(): Promise<string> {
  const { describeAdapter, findAdapter } = await import('../device/adapter.ts');
  try {
    return describeAdapter(await findAdapter()).name;
  } catch (error) {
    if (error instanceof DeviceError) return 'reference (float64)';
    throw error;
  }
}
