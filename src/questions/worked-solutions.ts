/**
 * GSM8K's worked solutions as trajectories: every calculator mark `<<48/2=24>>` becomes a call of the
 * calculator with the words before it as reasoning, and the answer after `####` the last action. Fed into
 * `trajectories` and trained with reward 1 they warm up a policy (supervised fine-tuning is the same sink).
 */

import { z } from 'zod';
import { type ToolTag, writeAction } from '../agent/action.ts';
import type { Tool } from '../agent/tool.ts';
import { writtenAction } from '../agent/written-action.ts';
import { DataError } from '../errors.ts';
import type { Input } from '../input/input.ts';
import type { ReadOptions } from '../input/rows.ts';
import { kind } from '../parts/kind.ts';
import { inTime, LATE } from '../runtime/time-limit.ts';
import type { Action, Observation, Step, Trajectory } from '../topics/records.generated.ts';
import { GSM8K_TASK, type Gsm8kProblem, readGsm8kProblems } from './gsm8k.ts';
import type { Reader, ReaderContext } from './reader.ts';

export interface SolutionOptions extends ReadOptions {
  /** Longest trajectory, in actions: the task's `maxSteps`. Longer solutions are reported. */
  readonly maxSteps?: number;
}

/** How long one computation may take, in milliseconds. */
const CALL_MS = 10_000;

/** Who wrote these actions. */
const SOLUTION_POLICY = 'gsm8k';

/**
 * The trajectories, one per solution, named after the question (`gsm8k:train:17/0`). Observations are the
 * calculator's own. A solution that does not fit (a mark that does not give its stated value, that the
 * calculator refuses, or that is not closed; too many steps) goes to `skip`, or throws `DataError`.
 */
export async function* readWorkedSolutions(
  input: Input,
  options: SolutionOptions,
  { calculator }: { readonly calculator: Tool },
): AsyncGenerator<Trajectory, void, void> {
  for await (const problem of readGsm8kProblems(input, options)) {
    let trajectory: Trajectory;
    try {
      trajectory = await solutionTrajectory(problem, { calculator, ...options });
    } catch (error) {
      if (!(error instanceof DataError) || options.skip === undefined) throw error;
      options.skip(error);
      continue;
    }
    options.onGenerated?.(trajectory);
    yield trajectory;
  }
}

/** One solution as a trajectory; throws `DataError` where it does not fit. */
async function solutionTrajectory(
  problem: Gsm8kProblem,
  { calculator, maxSteps }: { readonly calculator: Tool; readonly maxSteps?: number },
): Promise<Trajectory> {
  const { question, solution, answer, place } = problem;
  const tools: readonly ToolTag[] = [calculator];
  const { marks, rest } = splitMarks(solution, place);
  if (maxSteps !== undefined && marks.length + 1 > maxSteps) {
    throw new DataError(
      `${place}: expected at most ${maxSteps} steps, found a solution of ${marks.length + 1}`,
    );
  }
  const steps: Step[] = [];
  for (const { reasoning, expression, stated } of marks) {
    const observation = await inTime((signal) => calculator.call(expression, { signal }), {
      timeoutMs: CALL_MS,
    });
    if (observation === LATE) {
      throw new DataError(`${place}: ${expression} was not computed after ${CALL_MS} ms`);
    }
    requireValue(observation, { expression, stated, place });
    const content = { kind: 'TOOL_CALL', tool: calculator.name, content: expression } as const;
    const text = writeAt(place, () => writeAction(content, { tools, reasoning }));
    steps.push({ action: recorded(text, content), observation });
  }
  const content = { kind: 'ANSWER', tool: null, content: answer } as const;
  const text = writeAt(place, () => writeAction(content, { tools, reasoning: rest }));
  steps.push({ action: recorded(text, content), observation: null });
  return { id: `${question.id}/0`, question, steps, end: 'ANSWERED', answer };
}

interface Mark {
  /** The words before the mark. */
  readonly reasoning: string;
  readonly expression: string;
  /** What the solution says that the expression gives. */
  readonly stated: string;
}

/** The marks in order with the words before each, and the words after the last. */
function splitMarks(
  solution: string,
  place: string,
): { readonly marks: readonly Mark[]; readonly rest: string } {
  const marks: Mark[] = [];
  let from = 0;
  for (const match of solution.matchAll(/<<([^<>=]*)=([^<>=]*)>>/g)) {
    const expression = match[1].trim();
    const stated = match[2].trim();
    if (expression === '' || stated === '') {
      throw new DataError(`${place}: expected a mark such as <<48/2=24>>, found ${match[0]}`);
    }
    marks.push({ reasoning: solution.slice(from, match.index).trim(), expression, stated });
    from = match.index + match[0].length;
  }
  const rest = solution.slice(from).trim();
  const odd = [...marks.map((mark) => mark.reasoning), rest].find((text) => /<<|>>/.test(text));
  if (odd !== undefined) {
    const at = odd.search(/<<|>>/);
    throw new DataError(
      `${place}: expected marks such as <<48/2=24>>, found ${JSON.stringify(odd.slice(at, at + 30))}`,
    );
  }
  return { marks, rest };
}

function requireValue(
  observation: Observation,
  {
    expression,
    stated,
    place,
  }: { readonly expression: string; readonly stated: string; readonly place: string },
): void {
  if (observation.status !== 'OK') {
    throw new DataError(
      `${place}: the calculator does not take ${JSON.stringify(expression)}: ${observation.text.slice(0, 200)}`,
    );
  }
  if (!agrees(observation.text, stated)) {
    throw new DataError(
      `${place}: the mark <<${expression}=${stated}>> does not hold: the calculator gives ${observation.text.slice(0, 40)}`,
    );
  }
}

/** Whether a stated number is the computed one, or that one rounded or cut to the digits that are stated. */
export function agrees(computed: string, stated: string): boolean {
  // What was computed may stand after the value, in parentheses.
  const value = Number(computed.split(' (')[0]);
  const plain = stated.replaceAll(/[,\s$]/g, '');
  const said = Number(plain);
  if (computed.trim() === '' || plain === '' || !Number.isFinite(value) || !Number.isFinite(said))
    return false;
  const decimals = /\.(\d*)$/.exec(plain)?.[1]?.length ?? 0;
  // A stated whole number is meant exactly; decimals are often rounded or cut: less than one unit of the
  // last.
  const tolerance = decimals === 0 ? 1e-9 * Math.max(1, Math.abs(value)) : 10 ** -decimals;
  return Math.abs(value - said) < tolerance;
}

function recorded(text: string, content: Pick<Action, 'kind' | 'tool' | 'content'>): Action {
  return writtenAction({ text, ...content, policy: SOLUTION_POLICY });
}

/** Says where the text came from that no action can be made of. */
function writeAt(place: string, write: () => string): string {
  try {
    return write();
  } catch (error) {
    if (error instanceof DataError) throw new DataError(`${place}: ${error.message}`, { cause: error });
    throw error;
  }
}

export const workedSolutionsReader = kind({
  name: 'gsm8k-solutions',
  about: "GSM8K's worked solutions, as trajectories.",
  settings: z.strictObject({}),
  make: async (_config, context: ReaderContext): Promise<Reader> => {
    const calculator = await context.calculator();
    const read = (input: Input, options: ReadOptions) => {
      const maxSteps = context.maxSteps(options.task ?? GSM8K_TASK);
      const bounded = maxSteps === undefined ? options : { ...options, maxSteps };
      return readWorkedSolutions(input, bounded, { calculator });
    };
    return { topic: 'trajectories', read };
  },
});
