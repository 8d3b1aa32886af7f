/**
 * Whether questions fit a topology: their tasks are there, and the outcome filter has gold answers to compare
 * with.
 */
import { goldAnswers } from '../agent/gold-answers.ts';
import { DataError } from '../errors.ts';
import { nearest } from '../suggest.ts';
import type { Question } from '../topics/records.generated.ts';
import type { Topology } from './topology.ts';

/** Whether the topology's filter compares answers with gold answers. */
function needsGoldAnswers(topology: Topology): boolean {
  const mode = topology.stages.filter?.mode;
  return mode === 'outcome' || mode === 'process+outcome';
}

/** What is wrong with one question under this topology, as a sentence; null: nothing. */
function questionProblem(topology: Topology, question: Question): string | null {
  const where = question.source ?? question.id;
  if (needsGoldAnswers(topology) && goldAnswers(question).length === 0) {
    return `${where}: expected a gold answer, found none: the filter's mode is \`${topology.stages.filter?.mode}\`, which compares answers with it`;
  }
  const tasks = Object.keys(topology.tasks);
  if (topology.stages.rollout !== undefined && !tasks.includes(question.task)) {
    const near = nearest(question.task, tasks);
    const hint = near === null ? `defined are: ${tasks.join(', ') || 'none'}` : `did you mean \`${near}\`?`;
    return `${where}: the task ${JSON.stringify(question.task)} is not under \`tasks\`; ${hint}`;
  }
  return null;
}

/**
 * The questions that fit. One that does not goes to `skip` as a `DataError`, or is thrown: fed, it could only
 * become a failure.
 */
export async function* fittingQuestions(
  topology: Topology,
  questions: AsyncIterable<Question>,
  skip?: (error: DataError) => void,
): AsyncGenerator<Question, void, void> {
  for await (const question of questions) {
    const problem = questionProblem(topology, question);
    if (problem === null) yield question;
    else if (skip === undefined) throw new DataError(problem);
    else skip(new DataError(problem));
  }
}

export interface QuestionsFit {
  /** How many questions were looked at. */
  readonly questions: number;
  /** How many of them do not fit. */
  readonly unfit: number;
  /** The first few problems. */
  readonly examples: readonly string[];
}

/** Looks at all questions, in constant memory. */
export async function questionsFit(
  topology: Topology,
  questions: AsyncIterable<Question>,
  mostExamples = 5,
): Promise<QuestionsFit> {
  const examples: string[] = [];
  let [count, unfit] = [0, 0];
  for await (const question of questions) {
    count++;
    const problem = questionProblem(topology, question);
    if (problem === null) continue;
    unfit++;
    if (examples.length < mostExamples) examples.push(problem);
  }
  return { questions: count, unfit, examples };
}
