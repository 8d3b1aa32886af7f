/** The exact judge `lab`: checks a step against the question's derivation, by the context alone. */
import { z } from 'zod';
import type { CallOptions, Judge } from '../agent/model.ts';
import type { Tool } from '../agent/tool.ts';
import { kind } from '../parts/kind.ts';
import { calculatorConfig, makeCalculator } from '../tools/calculator.ts';
import type { Action, SubTrajectory, Verdict } from '../topics/records.generated.ts';
import type { Derivation } from './derivation.ts';
import { derivationOf, runningResults } from './derivation.ts';
import type { Sound } from './progress.ts';
import { soundNext } from './progress.ts';

const name = 'lab';

/**
 * The judge `lab`: GOOD for a sound next step, given what the results say; BAD for anything else. It never
 * reads the gold answer. Its `judge` throws `DataError` for a question that is not from the laboratory.
 */
export async function makeLabJudge(): Promise<Judge> {
  const calculator = await makeCalculator('calculator', calculatorConfig.parse({}));
  return {
    name,
    judge: async (
      { question, context, action }: SubTrajectory,
      { signal }: CallOptions,
    ): Promise<Verdict> => {
      const derivation = derivationOf(question);
      const sound = soundNext(derivation, context);
      const problem = await fault(action, { derivation, sound, calculator, signal });
      return problem === null
        ? { label: 'GOOD', rationale: 'This is a sound next step.', judge: name, votes: [] }
        : { label: 'BAD', rationale: problem, judge: name, votes: [] };
    },
  };
}

export const labJudge = kind({
  name: 'lab',
  about: "Checks the laboratory's questions against their derivations.",
  settings: z.strictObject({}),
  make: makeLabJudge,
});

interface Circumstances {
  readonly derivation: Derivation;
  readonly sound: Sound;
  readonly calculator: Tool;
  readonly signal: AbortSignal;
}

/** What is wrong with a step, in words; null for a sound one. */
async function fault(action: Action, circumstances: Circumstances): Promise<string | null> {
  const content = action.content ?? '';
  const { sound } = circumstances;
  switch (action.kind) {
    case 'NONE':
      return 'There is neither one well-formed tool call nor one well-formed answer.';
    case 'ANSWER':
      return faultOfAnswer(content, sound);
    case 'TOOL_CALL':
      if (action.tool === 'search') return faultOfQuery(content, sound);
      if (action.tool === 'calculator') return faultOfExpression(content, circumstances);
      return `The tool ${action.tool} does not help with this question.`;
  }
}

function faultOfAnswer(content: string, sound: Sound): string | null {
  switch (sound.kind) {
    case 'search':
      return `The results do not tell the answer yet: the article of ${sound.queries.join(' or ')} is missing.`;
    case 'calculate':
      return `The results do not tell the answer yet: there is more to do with ${sound.left}.`;
    case 'answer':
      return same(content, sound.text) ? null : `By the results the answer is ${sound.text}.`;
  }
}

function faultOfQuery(content: string, sound: Sound): string | null {
  if (sound.kind === 'answer') return `The results already tell the answer: ${sound.text}.`;
  if (sound.kind === 'calculate') return 'A search does not help with this question.';
  if (sound.queries.some((query) => same(content, query))) return null;
  return `The query is not what is needed next: ${sound.queries.join(' or ')}.`;
}

/**
 * Sound: the next operation, or all up to a later one, on just the numbers that the question gives for them.
 */
async function faultOfExpression(
  content: string,
  { derivation, sound, calculator, signal }: Circumstances,
): Promise<string | null> {
  if (sound.kind === 'answer') return `The results already tell the answer: ${sound.text}.`;
  if (sound.kind === 'search' || derivation.kind !== 'compute') return 'There is nothing to calculate here.';
  if (!/^[\d+\-*/() ]+$/.test(content)) return 'The expression is not plain arithmetic on whole numbers.';
  const numbers = sorted((content.match(/\d+/g) ?? []).map(Number));
  const value = Number((await calculator.call(content, { signal })).text);
  const results = runningResults(derivation);
  const operands: number[] = [sound.left];
  for (let next = sound.reached; next < derivation.operations.length; next++) {
    operands.push(derivation.operations[next].operand);
    if (sorted(operands) === numbers && value === results[next + 1]) return null;
  }
  return `The expression does not carry ${sound.left} on as the question says.`;
}

function sorted(numbers: readonly number[]): string {
  return [...numbers].sort((a, b) => a - b).join(' ');
}

function same(one: string, other: string): boolean {
  const plain = (text: string) => text.trim().replace(/\s+/g, ' ').toLowerCase();
  return plain(one) === plain(other);
}
