/** Runs the variants of a recorded run, measures them, and prints them side by side. */
import { resolve } from 'node:path';
import { ConfigError } from '../errors.ts';
import { type Evaluation, evaluate } from '../evaluate/evaluate.ts';
import { groupedDifference } from '../evaluate/paired-groups.ts';
import { reportObject, writeReport } from '../evaluate/report.ts';
import { holderOf, openRecordedChain, type RunChain } from '../lineage/run-chain.ts';
import { type Measured, measure, PAIRED, pairsOf } from '../lineage/run-measures.ts';
import { countOf } from '../lineage/topic-diff.ts';
import { openRun } from '../open-run.ts';
import type { Question } from '../topics/records.generated.ts';
import { openTopology } from '../topology/load.ts';
import { formatProblems } from '../topology/problem.ts';
import { runFolder } from '../topology/resolved.ts';
import { recordedFile, runPlace } from '../topology/run-place.ts';
import type { Topology } from '../topology/topology.ts';
import { type PlannedVariant, planVariants } from '../topology/variants.ts';
import { lastCheckpoint } from '../train/last-checkpoint.ts';
import { type Compared, comparisonText } from './compare-text.ts';
import { type HeldOut, heldOut } from './evaluate-file.ts';
import { EXIT } from './exit.ts';
import { interrupts } from './interrupt.ts';
import { withCommands } from './of-run.ts';
import { showAnswered, showProgress } from './progress.ts';
import type { SetFlags } from './topology-option.ts';
import { variantsOf } from './variant-option.ts';

export interface CompareOptions extends SetFlags, HeldOut {
  readonly run: string;
  readonly variant?: readonly string[];
  readonly variants?: readonly string[];
  readonly evaluate?: string;
  readonly greedy?: boolean;
  readonly rollouts: number;
  readonly compared: number;
  readonly folder: string;
  readonly json?: boolean;
}

/** On the same records, by measure. */
function differences(was: Measured, is: Measured): NonNullable<Compared['differences']> {
  const found = PAIRED.map((measure) => {
    const pairs = pairsOf(measure, was, is);
    if (pairs === null) return [measure, null];
    const { records, changed, groups } = pairs;
    return [measure, { records, changed, ...groupedDifference(groups, { isShare: measure !== 'reward' }) }];
  });
  return Object.fromEntries(found);
}

interface Deciding {
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
  readonly say: (message: string) => void;
}

/** Returns the exit code. What is computed goes to stderr, the result to stdout. */
export async function compareRuns(asked: CompareOptions): Promise<number> {
  const options = { ...asked, ...runPlace(asked.run, asked.folder) };
  const { run, folder, compared: most, set = [] } = options;
  const variants = variantsOf(options.variant ?? [], options.variants ?? []);
  const told = new Set<string>();
  let write: (message: string) => void = (message) => process.stderr.write(`${message}\n`);
  /** Variants have much in common, of which one notice is enough. */
  const say = (message: string) => {
    if (message !== '' && !told.has(message)) write(message);
    told.add(message);
  };
  // What it goes on from is read at the end too: that it is not there is said before anything is computed.
  const chain = await openRecordedChain({ folder, run }, { notify: say });
  const holder = holderOf(chain, 'judged');
  const steps = holder === null ? 0 : countOf(holder, 'judged');
  await chain.close();
  if (steps > most)
    throw new ConfigError(
      `the run ${run} has ${steps} records in judged, more than the ${most} steps that are held in memory to be compared: --compared ${steps} holds them`,
    );
  const planned = await planVariants(variants, {
    ...{ run, folder, set },
    warn: (problems) => say(formatProblems(problems)),
  });
  const evaluator = options.evaluate === undefined ? null : await evaluatorOf(options.evaluate, options);
  const { stop, abort, release } = interrupts((message) => write(message));
  const deciding: Deciding = { stop, abort, say };
  const listen = (to: typeof write) => {
    write = to;
  };
  try {
    const failures: number[] = [];
    for (const variant of planned) {
      const failed = await compute(variant, { ...deciding, listen });
      if (failed === null) {
        say('interrupted; the same command goes on with what is there');
        return EXIT.interrupted;
      }
      failures.push(failed);
    }
    const recorded = await measured({ folder, run, most }, say);
    const evaluation = await evaluator?.(run, { ...deciding, listen });
    if (evaluation === 'interrupted') return EXIT.interrupted;
    const compared: Compared[] = [
      {
        ...{ name: null, run, reads: null, changes: [], differences: null, failures: 0 },
        measures: recorded.measures,
        evaluation: evaluation ?? null,
      },
    ];
    for (const [n, { name, topology, changes }] of planned.entries()) {
      const own = await measured({ folder, run: topology.run, most }, say);
      const found = await evaluator?.(topology.run, { ...deciding, listen, against: evaluation?.run });
      if (found === 'interrupted') return EXIT.interrupted;
      const { source } = topology;
      compared.push({
        ...{ name, run: topology.run, changes, measures: own.measures },
        reads: source === null ? null : { run: source.run, topic: source.topic },
        differences: differences(recorded, own),
        failures: failures[n] ?? 0,
        evaluation: found ?? null,
      });
    }
    const json = compared.map((one) => ({
      ...one,
      evaluation: one.evaluation && reportObject(one.evaluation),
    }));
    process.stdout.write(options.json ? `${JSON.stringify(json)}\n` : comparisonText(compared, folder));
    return failures.some((count) => count > 0) ? EXIT.failures : EXIT.done;
  } finally {
    release();
  }
}

interface Computing extends Deciding {
  /** Says from now on by this. */
  readonly listen: (write: (message: string) => void) => void;
}

/** How many records failed; null where it was stopped. */
async function compute({ name, topology }: PlannedVariant, options: Computing): Promise<number | null> {
  const { stop, abort, say, listen } = options;
  const { source } = topology;
  say(`${name}: the run ${topology.run}, from ${source?.topic} of ${source?.run}`);
  const run = await openRun(topology, say);
  try {
    const started = await run.start({ untilDrained: true, stop, abort, notify: say });
    const shown = showProgress({ progress: () => started.progress(), stream: process.stderr });
    listen(shown.say);
    const end = await started.finished.finally(() => shown.stop());
    listen((message) => process.stderr.write(`${message}\n`));
    if (end !== 'drained') return null;
    return (await started.progress()).reduce((sum, { written }) => sum + (written.failures ?? 0), 0);
  } catch (error) {
    throw withCommands(error, topology);
  } finally {
    await run.close();
  }
}

async function measured(
  { most, ...place }: { readonly folder: string; readonly run: string; readonly most: number },
  notify: (message: string) => void,
): Promise<Measured> {
  const chain: RunChain = await openRecordedChain(place, { notify });
  try {
    return await measure(chain, most);
  } finally {
    await chain.close();
  }
}

type Evaluator = (
  run: string,
  options: Computing & { readonly against?: string | undefined },
) => Promise<Evaluation | 'interrupted' | null>;

/** Evaluates the last checkpoint of a run; null where it has none. */
async function evaluatorOf(file: string, options: CompareOptions): Promise<Evaluator> {
  const topology = await answering(options);
  const questions: Question[] = await heldOut(topology, file, options);
  return async (run, { stop, abort, say, listen, against }) => {
    const last = lastCheckpoint(runFolder(topology, run));
    if (last === null) {
      say(`${run} has no checkpoint to evaluate`);
      return null;
    }
    const evaluation = await evaluate(topology, {
      run: `${run}-step-${last.step}-evaluate`,
      policyFolder: last.path,
      questions,
      ...(options.greedy ? { temperature: 0 } : {}),
      rollouts: options.rollouts,
      ...(against === undefined ? {} : { against }),
      ...{ stop, abort, notify: say },
      watch: (look) => {
        const shown = showAnswered(look, process.stderr);
        listen(shown.say);
        return shown;
      },
    });
    listen((message) => process.stderr.write(`${message}\n`));
    if (!evaluation.finished) return 'interrupted';
    writeReport(evaluation, runFolder(topology, evaluation.run));
    return evaluation;
  };
}

/** The topology that answers and judges questions: that of the recorded run, or of the one that it came from. */
async function answering({
  folder,
  run,
  set = [],
}: Pick<CompareOptions, 'folder' | 'run' | 'set'>): Promise<Topology> {
  // Paths in a topology are relative to its file.
  const here = `folder=${JSON.stringify(resolve(folder))}`;
  const { topology } = await openTopology(recordedFile(folder, run), { set: [...set, here], replayed: true });
  if (topology.stages.rollout !== undefined && topology.stages.judge !== undefined) return topology;
  if (topology.source !== null) return answering({ folder, run: topology.source.run, set });
  throw new ConfigError(
    `--evaluate: the run ${run} has no stages \`rollout\` and \`judge\` to answer questions with: evaluate its checkpoints with \`swirl evaluate\``,
  );
}
