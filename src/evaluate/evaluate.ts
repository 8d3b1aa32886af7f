/**
 * Evaluation: the same flow as a run's, up to the verdicts, over held-out questions. Its records stay in a
 * run of their own, to be tapped like any other; one that was interrupted is gone on with under its name.
 */
import { join } from 'node:path';
import type { Matcher } from '../agent/matcher.ts';
import { ConfigError } from '../errors.ts';
import { openParts, type Parts } from '../open-parts.ts';
import { type OpenRun, openRun } from '../open-run.ts';
import type { StageProgress } from '../runtime/run.ts';
import { openSpending } from '../spending/open-spending.ts';
import { arrayOf } from '../topics/read-records.ts';
import type { Question, Trajectory } from '../topics/records.generated.ts';
import { runFolder } from '../topology/resolved.ts';
import type { Topology } from '../topology/topology.ts';
import { withPartsOf } from '../topology/unchanged.ts';
import { type Comparison, compare } from './compare.ts';
import { type EvaluationSettings, evaluationOf } from './evaluation-topology.ts';
import { gradesIn, gradesOf } from './grades.ts';
import { groupsOf } from './groups.ts';
import { type Manifest, manifestOf, readManifest, requireSame, writeManifest } from './manifest.ts';
import { matchesOf } from './matched-answers.ts';
import { type Metrics, metrics } from './metrics.ts';
import { outcomesOf, type QuestionOutcome } from './outcomes.ts';

export interface EvaluateOptions extends EvaluationSettings {
  readonly questions: AsyncIterable<Question> | Iterable<Question>;
  /** Another evaluation's run, to compare with on the same questions. */
  readonly against?: string;
  /** Keys of the questions' `meta` that results are told apart by; level and type when omitted. */
  readonly by?: readonly string[];
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
  /** Notes for the user, such as that there is no adapter. */
  readonly notify?: (message: string) => void;
  /** Called once the questions are fed; what it returns is stopped when they are answered. */
  readonly watch?: (look: () => Promise<EvaluationProgress>) => { stop(): Promise<void> };
}

/** How far an evaluation is. */
export interface EvaluationProgress {
  /** Rollouts that there are to be, and what they are called. */
  readonly wanted: number;
  readonly of: 'questions' | 'rollouts';
  /** Trajectories that are finished. */
  readonly answered: number;
  readonly failed: number;
}

export interface Evaluation {
  readonly run: string;
  readonly finished: boolean;
  /** Who wrote the answers. */
  readonly policies: readonly string[];
  /** Rollouts a question. */
  readonly rollouts: number;
  /** Records that a stage could not process. */
  readonly failures: number;
  /** Over all questions, per task, and per value of the questions' `meta`. */
  readonly all: Metrics;
  readonly tasks: ReadonlyMap<string, Metrics>;
  readonly groups: ReadonlyMap<string, ReadonlyMap<string, Metrics>>;
  readonly against: Comparison | null;
}

/** What to tell results apart by, where the questions have it: HotPotQA's. */
const BY = ['level', 'type'];

/**
 * Rolls out every question, judges every step, and compares the answers. A run of this name is gone on with
 * where it is the same evaluation. Throws `ConfigError` where it is another, and what would stop a run.
 */
export async function evaluate(topology: Topology, options: EvaluateOptions): Promise<Evaluation> {
  const { notify = () => {} } = options;
  const flow = await withPartsOf(evaluationOf(topology, options, notify));
  const questions = await collect(options.questions);
  const manifest = manifestOf(flow, questions);
  const before = readManifest(flow, flow.run);
  if (before !== null) requireSame(flow.run, before, manifest);
  const other = options.against === undefined ? null : otherManifest(flow, options.against);
  const spending = openSpending(flow, { run: runFolder(flow), notify });
  const parts = openParts(flow, { env: process.env, paid: spending.paying, notify });
  try {
    // Before the questions are answered: a matcher that cannot be opened would be found out about too late.
    const matcher = await parts.matcher();
    if (before === null) writeManifest(flow, manifest);
    const finished = before?.finished === true;
    return await evaluateRun(flow, {
      ...options,
      notify,
      questions,
      manifest,
      finished,
      other,
      matcher,
      parts,
    });
  } finally {
    await parts.close();
    spending.close();
  }
}

interface Opened extends Omit<EvaluateOptions, 'questions'> {
  readonly notify: (message: string) => void;
  readonly questions: readonly Question[];
  readonly manifest: Manifest;
  /** Whether all of it was done before. */
  readonly finished: boolean;
  readonly other: Manifest | null;
  readonly matcher: Matcher;
  readonly parts: Parts;
}

async function evaluateRun(flow: Topology, options: Opened): Promise<Evaluation> {
  const { stop, abort, notify, watch, manifest, questions, other } = options;
  const run = await openRun(flow, notify);
  try {
    await feedMissing(run, questions, notify);
    const wanted = questions.length * manifest.rollouts;
    const of = manifest.rollouts > 1 ? 'rollouts' : 'questions';
    const answer = async () => {
      const started = await run.start({ untilDrained: true, stop, abort, notify });
      const watched = watch?.(async () => ({ wanted, of, ...answeredOf(await started.progress()) }));
      return (await started.finished.finally(() => watched?.stop())) === 'drained';
    };
    // What is finished needs no model any more.
    const finished = options.finished || (await answer());
    if (finished) writeManifest(flow, { ...manifest, finished });
    const here = await outcomesIn(run, flow.run, { ...options, finished });
    const there =
      other === null
        ? null
        : await outcomesIn(run, options.against as string, { ...options, manifest: other, finished: true });
    const shape = { several: manifest.rollouts > 1, graded: here.graded };
    const measure = (group: readonly QuestionOutcome[]) => metrics(group, shape);
    return {
      run: flow.run,
      finished,
      policies: here.policies,
      rollouts: manifest.rollouts,
      failures: here.failures,
      all: measure(here.outcomes),
      tasks: groupsOf(here.outcomes, ({ task }) => task, measure),
      groups: new Map(
        (options.by ?? BY).flatMap((key) => {
          const groups = groupsOf(here.outcomes, ({ meta }) => meta[key], measure);
          return groups.size > 1 ? [[key, groups] as const] : [];
        }),
      ),
      against: there && compare(here.outcomes, there.outcomes, options.against as string),
    };
  } finally {
    await run.close();
  }
}

/** Feeds the questions that the run does not have yet: all of them, unless it was interrupted. */
async function feedMissing(
  run: OpenRun,
  questions: readonly Question[],
  notify: (message: string) => void,
): Promise<void> {
  const there = new Set((await arrayOf(run.read('questions'))).map(({ id }) => id));
  const missing = questions.filter(({ id }) => !there.has(id));
  if (there.size + missing.length > questions.length) {
    throw new ConfigError(
      `the run ${run.topology.run} holds questions that are not in the file: name another run with --as`,
    );
  }
  if (there.size > 0) {
    notify(
      `Going on with the evaluation ${run.topology.run}: ` +
        `${there.size} of ${questions.length} questions are fed.`,
    );
  }
  await run.feed('questions', missing);
}

/** Reads the records of an evaluation's run, and finds out about its answers. */
async function outcomesIn(
  run: OpenRun,
  name: string,
  options: Opened,
): Promise<{
  readonly outcomes: QuestionOutcome[];
  readonly policies: readonly string[];
  readonly failures: number;
  readonly graded: boolean;
}> {
  const { abort, notify, matcher, manifest, finished, parts } = options;
  const own = name === run.topology.run;
  const at = own ? {} : { run: name };
  const trajectories = await arrayOf(run.read('trajectories', at));
  const failures = await arrayOf(run.read('failures', at));
  const { judge } = run.topology;
  const folder = runFolder(run.topology, name);
  const grading = own && (judge.kind === 'openai' || judge.kind === 'local') ? judge : null;
  const grades =
    grading !== null && finished
      ? await gradesOf(trajectories, {
          folder,
          model: await parts.languageModel(grading, 'grader'),
          signal: abort,
        })
      : gradesIn(folder, trajectories);
  const outcomes = outcomesOf({
    questions: own ? options.questions : await arrayOf(run.read('questions', at)),
    rollouts: manifest.rollouts,
    trajectories,
    judged: await arrayOf(run.read('judged', at)),
    failures,
    finished,
    right: await matchesOf(trajectories, { matcher, signal: abort, notify }),
    grades,
  });
  const policies = policiesOf(trajectories);
  if (policies.length > 1 && policies.every((policy) => policy.startsWith('local:'))) {
    throw new ConfigError(
      `the run ${name} holds answers of ${policies.join(' and ')}: ` +
        'the checkpoint changed while it was interrupted; begin again under another name',
    );
  }
  return { outcomes, policies, failures: failures.length, graded: grades !== null };
}

function policiesOf(trajectories: readonly Trajectory[]): string[] {
  return [...new Set(trajectories.flatMap(({ steps }) => steps.map(({ action }) => action.policy)))].sort();
}

/** The manifest of an evaluation to compare with. */
function otherManifest(flow: Topology, run: string): Manifest {
  const manifest = readManifest(flow, run);
  if (manifest === null) {
    throw new ConfigError(`--against ${run}: there is no such run in ${join(flow.folder)}`);
  }
  if (!manifest.finished) {
    throw new ConfigError(
      `--against ${run}: that evaluation is not finished; go on with it first (--as ${run})`,
    );
  }
  return manifest;
}

/** All questions. Throws `ConfigError` where two have one id: they could not be told apart. */
async function collect(questions: AsyncIterable<Question> | Iterable<Question>): Promise<Question[]> {
  const byId = new Map<string, Question>();
  for await (const question of questions) {
    if (byId.has(question.id)) {
      throw new ConfigError(
        `two questions have the id ${JSON.stringify(question.id)}: an evaluation names its answers by it`,
      );
    }
    byId.set(question.id, question);
  }
  return [...byId.values()];
}

/** What has come of the questions: each leaves its trajectories, or failures. */
function answeredOf(progress: readonly StageProgress[]): Pick<EvaluationProgress, 'answered' | 'failed'> {
  return {
    answered: progress.find(({ stage }) => stage === 'decompose')?.done ?? 0,
    failed: progress.reduce((sum, { written }) => sum + (written.failures ?? 0), 0),
  };
}
