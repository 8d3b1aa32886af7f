/** Evaluates a policy on a file of questions and prints the result. */
import { join } from 'node:path';
import { ConfigError, DataError } from '../errors.ts';
import { evaluate } from '../evaluate/evaluate.ts';
import { reportObject, writeReport } from '../evaluate/report.ts';
import { fileInput } from '../input/input.ts';
import { slice } from '../questions/slice.ts';
import { arrayOf } from '../topics/read-records.ts';
import type { Question } from '../topics/records.generated.ts';
import { freeName } from '../topology/replay.ts';
import type { Topology } from '../topology/topology.ts';
import { evaluationReport } from './evaluate-report.ts';
import { EXIT } from './exit.ts';
import { interrupts } from './interrupt.ts';
import { pathHere } from './own-name.ts';
import { showAnswered } from './progress.ts';
import { type ReaderFlags, readerOf } from './reader-option.ts';

export interface EvaluateFileOptions extends ReaderFlags {
  readonly task?: string;
  readonly limit?: number;
  readonly skip: number;
  readonly policy?: string;
  readonly greedy?: boolean;
  readonly tools: boolean;
  readonly as?: string;
  readonly rollouts: number;
  readonly against?: string;
  readonly by?: readonly string[];
  readonly json?: boolean;
}

/** Returns the exit code. */
export async function evaluateFile(
  topology: Topology,
  file: string,
  options: EvaluateFileOptions,
): Promise<number> {
  // Before there is a run: what cannot begin leaves none.
  const questions = await heldOut(topology, file, options);
  let say: (message: string) => void = (message) => process.stderr.write(`${message}\n`);
  const { stop, abort, release } = interrupts((message) => say(message));
  try {
    const evaluation = await evaluate(topology, {
      run: options.as ?? freeName(topology.folder, `${topology.run}-evaluate`),
      questions,
      ...(options.policy === undefined ? {} : { policyFolder: options.policy }),
      ...(options.greedy ? { temperature: 0 } : {}),
      withoutTools: !options.tools,
      rollouts: options.rollouts,
      ...(options.against === undefined ? {} : { against: options.against }),
      ...(options.by === undefined ? {} : { by: options.by }),
      stop,
      abort,
      notify: (message) => say(message),
      watch: (look) => {
        const shown = showAnswered(look, process.stderr);
        say = shown.say;
        return shown;
      },
    });
    const place = join(topology.folder, evaluation.run);
    writeReport(evaluation, place);
    const folder = pathHere(place);
    process.stdout.write(
      options.json ? `${JSON.stringify(reportObject(evaluation))}\n` : evaluationReport(evaluation, folder),
    );
    if (!evaluation.finished) return EXIT.interrupted;
    return evaluation.failures > 0 ? EXIT.failures : EXIT.done;
  } finally {
    release();
  }
}

/** Which questions of a file. */
export type HeldOut = Pick<EvaluateFileOptions, 'dataset' | 'reader' | 'task' | 'limit' | 'skip'>;

/** The questions of a file. Throws a `DataError` where there are none, and what its reader throws. */
export async function heldOut(topology: Topology, file: string, options: HeldOut): Promise<Question[]> {
  const reader = await readerOf(options, topology);
  try {
    if (reader.topic === 'trajectories')
      throw new ConfigError(`${options.dataset} are trajectories; evaluate needs questions`);
    const questions = reader.read(fileInput(file), options.task === undefined ? {} : { task: options.task });
    const some = await arrayOf(slice(questions, options.skip, options.limit ?? Number.POSITIVE_INFINITY));
    if (some.length === 0) throw new DataError(`${file}: there are no questions to evaluate on`);
    return some;
  } finally {
    await reader.close?.();
  }
}
