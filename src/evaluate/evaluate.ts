/**
 * Evaluation: the same flow as a run's, up to the verdicts, over held-out questions. Its records stay in a
 * run of their own, to be tapped like any other.
 */

import { goldAnswers } from '../agent/gold-answers.ts';
import type { Matcher } from '../agent/matcher.ts';
import { sleep } from '../clock.ts';
import { localModelConfig } from '../models/local-model-config.ts';
import { openParts } from '../open-parts.ts';
import { openRun } from '../open-run.ts';
import { Exhausted, retry, retryConfig } from '../runtime/retry.ts';
import type { StageProgress } from '../runtime/run.ts';
import { arrayOf } from '../topics/read-records.ts';
import type { Question, Trajectory } from '../topics/records.generated.ts';
import { withKeptTasks } from '../topology/settle-tasks.ts';
import type { Topology } from '../topology/topology.ts';
import { matchesOf } from './matched-answers.ts';
import { type Metrics, metrics } from './metrics.ts';
import { gradeOutcome } from './outcome-grader.ts';

export interface EvaluateOptions {
  /** The evaluation's run: where its records go. It must not exist. */
  readonly run: string;
  readonly questions: AsyncIterable<Question> | Iterable<Question>;
  /** A checkpoint to evaluate in place of the topology's policy. */
  readonly policyFolder?: string;
  /** In place of the policy's own; 0 is greedy. */
  readonly temperature?: number;
  /** Without tools: the policy may only reason and answer. */
  readonly withoutTools?: boolean;
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
  /** Notes for the user, such as that there is no adapter. */
  readonly notify?: (message: string) => void;
  /** Called once the questions are fed; what it returns is stopped when they are answered. */
  readonly watch?: (look: () => Promise<EvaluationProgress>) => { stop(): Promise<void> };
}

/** How far an evaluation is. */
export interface EvaluationProgress {
  readonly questions: number;
  /** Trajectories that are finished. */
  readonly answered: number;
  readonly failed: number;
}

export interface Evaluation {
  readonly run: string;
  /** Over all questions, and per task. */
  readonly all: Metrics;
  readonly tasks: ReadonlyMap<string, Metrics>;
  /** Records that a stage could not process: those questions are not counted above. */
  readonly failures: number;
  readonly finished: boolean;
}

/** One trajectory per question, judged. Throws what would stop a run. */
export async function evaluate(topology: Topology, options: EvaluateOptions): Promise<Evaluation> {
  const flow = evaluationOf(topology, options);
  const parts = openParts(flow, { env: process.env, notify: options.notify ?? (() => {}) });
  try {
    // Before the questions are answered: a matcher that cannot be opened would be found out about too late.
    return await evaluateRun(flow, { ...options, matcher: await parts.matcher() });
  } finally {
    await parts.close();
  }
}

async function evaluateRun(
  flow: Topology,
  options: EvaluateOptions & { readonly matcher: Matcher },
): Promise<Evaluation> {
  const { matcher } = options;
  const run = await openRun(flow, options.notify);
  try {
    const questions = await run.feed('questions', options.questions);
    const { stop, abort, notify = () => {}, watch } = options;
    const started = await run.start({ untilDrained: true, stop, abort, notify });
    const watched = watch?.(async () => ({ questions, ...answeredOf(await started.progress()) }));
    const end = await started.finished.finally(() => watched?.stop());
    const trajectories = await arrayOf(run.read('trajectories'));
    const judged = await arrayOf(run.read('judged'));
    const grades = await gradesOf(flow, trajectories, abort);
    const right = await matchesOf(trajectories, { matcher, signal: abort, notify });
    const found = { right, grades };
    const tasks = [...new Set(trajectories.map(({ question }) => question.task))].sort();
    return {
      run: flow.run,
      all: metrics(trajectories, judged, found),
      tasks: new Map(
        tasks.map((task) => [
          task,
          metrics(
            trajectories.filter(({ question }) => question.task === task),
            judged.filter(({ subTrajectory }) => subTrajectory.question.task === task),
            found,
          ),
        ]),
      ),
      failures: (await arrayOf(run.read('failures'))).length,
      finished: end === 'drained',
    };
  } finally {
    await run.close();
  }
}

/** What has come of the questions: each leaves one trajectory, or a failure. */
function answeredOf(progress: readonly StageProgress[]): Omit<EvaluationProgress, 'questions'> {
  return {
    answered: progress.find(({ stage }) => stage === 'decompose')?.done ?? 0,
    failed: progress.reduce((sum, { written }) => sum + (written.failures ?? 0), 0),
  };
}

/**
 * Whether each trajectory's answer is right in the eyes of the judge's model; null where rules judge. No
 * answer is wrong; one that could not be graded is left out.
 */
async function gradesOf(
  topology: Topology,
  trajectories: readonly Trajectory[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, boolean> | null> {
  const { judge } = topology;
  if (judge.kind !== 'openai' && judge.kind !== 'local') return null;
  const parts = openParts(topology, { env: process.env, notify: () => {} });
  try {
    const model = await parts.languageModel(judge);
    const grades = new Map<string, boolean>();
    const grade = async ({ id, question, answer }: Trajectory) => {
      const golds = goldAnswers(question);
      if (golds.length === 0) return;
      if (answer === null) {
        grades.set(id, false);
        return;
      }
      const grading = { id, question: question.text, golds, answer };
      const graded = await retry(() => gradeOutcome(grading, model, { signal }), {
        config: retryConfig.parse({}),
        signal,
        sleep,
      }).catch((error: unknown) => {
        if (error instanceof Exhausted) return null;
        throw error;
      });
      if (graded) grades.set(id, graded.correct);
    };
    // The model bounds how many requests are under way.
    await Promise.all(trajectories.map(grade));
    return grades;
  } finally {
    await parts.close();
  }
}

/** The topology of an evaluation: one rollout per question, no training. */
function evaluationOf(topology: Topology, options: EvaluateOptions): Topology {
  const { start, rollout, tools, decompose, judge } = topology.stages;
  const { policyFolder, temperature, withoutTools } = options;
  // As the run has been told; without tools its instructions would speak of them.
  const told = withoutTools ? topology : withKeptTasks(topology);
  const policy = {
    ...(policyFolder === undefined ? topology.policy : localPolicy(topology, policyFolder)),
    ...(temperature === undefined ? {} : { temperature }),
  };
  const tasks = Object.entries(told.tasks).map(([name, task]) => [
    name,
    withoutTools ? { ...task, tools: [] } : task,
  ]);
  return {
    ...topology,
    run: options.run,
    policy,
    tasks: Object.fromEntries(tasks),
    stages: { start: start && { ...start, rollouts: 1 }, rollout, tools, decompose, judge },
    source: null,
  };
}

/** A checkpoint in place of the topology's policy, with the settings of its local policy. */
function localPolicy({ policy, learner }: Topology, checkpoint: string): Topology['policy'] {
  const settings = policy.kind === 'local' ? policy : (learner ?? localModelConfig.parse({}));
  return { ...settings, kind: 'local', checkpoint };
}
