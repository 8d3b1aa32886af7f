/** Evaluates a policy on a file of questions and prints the result. */
import { ConfigError } from '../errors.ts';
import { type Evaluation, evaluate } from '../evaluate/evaluate.ts';
import type { Estimate } from '../evaluate/interval.ts';
import type { Metrics } from '../evaluate/metrics.ts';
import { fileInput } from '../input/input.ts';
import { datasetName, guessDataset, readQuestions } from '../questions/datasets.ts';
import { slice } from '../questions/slice.ts';
import { freeName } from '../topology/replay.ts';
import type { Topology } from '../topology/topology.ts';
import { EXIT } from './exit.ts';
import { interrupts } from './interrupt.ts';
import { table } from './table.ts';

export interface EvaluateFileOptions {
  readonly dataset?: string;
  readonly task?: string;
  readonly limit?: number;
  readonly skip: number;
  readonly policy?: string;
  readonly greedy?: boolean;
  readonly tools: boolean;
  readonly as?: string;
  readonly json?: boolean;
}

/** Returns the exit code. */
export async function evaluateFile(
  topology: Topology,
  file: string,
  options: EvaluateFileOptions,
): Promise<number> {
  const input = fileInput(file);
  const dataset = options.dataset === undefined ? guessDataset(input) : datasetName(options.dataset);
  if (dataset === 'gsm8k-solutions')
    throw new ConfigError('gsm8k-solutions are trajectories; evaluate needs questions');
  const questions = readQuestions(dataset, input, options.task === undefined ? {} : { task: options.task });
  const { stop, abort, release } = interrupts((message) => process.stderr.write(`${message}\n`));
  try {
    const evaluation = await evaluate(topology, {
      run: options.as ?? freeName(topology.folder, `${topology.run}-evaluate`),
      questions: slice(questions, options.skip, options.limit ?? Number.POSITIVE_INFINITY),
      ...(options.policy === undefined ? {} : { policyFolder: options.policy }),
      ...(options.greedy ? { temperature: 0 } : {}),
      withoutTools: !options.tools,
      stop,
      abort,
      notify: (message) => process.stderr.write(`${message}\n`),
    });
    process.stdout.write(options.json ? `${JSON.stringify(json(evaluation))}\n` : report(evaluation));
    if (!evaluation.finished) return EXIT.interrupted;
    return evaluation.failures > 0 ? EXIT.failures : EXIT.done;
  } finally {
    release();
  }
}

function json({ run, all, tasks, failures, finished }: Evaluation): object {
  return { run, finished, failures, all, tasks: Object.fromEntries(tasks) };
}

function report({ run, all, tasks, failures, finished }: Evaluation): string {
  const rows = [...tasks].map(([task, metrics]) => row(task, metrics));
  if (rows.length > 1) rows.push(row('all', all));
  const notes = [
    `run ${run}${finished ? '' : ' (interrupted)'}; intervals are 95%`,
    ...(failures > 0 ? [`${failures} records failed; see: swirl tap failures --run ${run}`] : []),
    ...(all.unknown > 0
      ? [`${all.unknown} verdicts were UNKNOWN and are not among the good steps' share`]
      : []),
  ];
  return `${table(['task', 'questions', 'accuracy', ...(all.judged ? ['judged correct'] : []), 'F1', 'good steps', 'steps'], rows)}\n${notes.join('\n')}\n`;
}

function row(task: string, { trajectories, accuracy, judged, f1, goodSteps, steps }: Metrics): string[] {
  return [
    task,
    String(trajectories),
    withInterval(accuracy),
    ...(judged ? [withInterval(judged)] : []),
    withInterval(f1),
    withInterval(goodSteps),
    steps.mean.toFixed(2),
  ];
}

/** `.83 (.77 to .88)`. */
export function withInterval({ mean, low, high }: Estimate): string {
  const digits = (value: number) => (Number.isNaN(value) ? '-' : value.toFixed(3));
  return `${digits(mean)} (${digits(low)} to ${digits(high)})`;
}
