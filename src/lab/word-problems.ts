/** Word problems of one and two operations on whole numbers. */
import type { Question } from '../topics/records.generated.ts';
import type { Compute, Operator } from './derivation.ts';
import { operate, operators, runningResults, withDerivation } from './derivation.ts';
import type { Draw } from './draw.ts';
import { drawFor } from './draw.ts';
import type { Split } from './names.ts';
import { namesOf } from './names.ts';

export const things: readonly string[] = ['apples', 'books', 'coins', 'pens', 'plums', 'stones'];
export const gaining: readonly string[] = ['gets', 'buys'];
export const losing: readonly string[] = ['gives', 'sells'];

export interface ProblemOptions {
  readonly seed: number;
  /** Whose names the problems use. */
  readonly split: Split;
}

/** The problems of a seed and split: endless, no text twice. */
export function* wordProblems({ seed, split }: ProblemOptions): Generator<Question> {
  const draw = drawFor(seed, `word-problems/${split}`);
  const people = namesOf('person', split);
  const seen = new Set<string>();
  for (let index = 0; ; ) {
    const { text, derivation } = problem(draw.pick(people), draw);
    if (seen.has(text) || isAmbiguous(derivation)) continue;
    seen.add(text);
    yield {
      id: `math-${split}-${seed}-${index}`,
      task: 'math',
      text,
      answer: String(runningResults(derivation).at(-1)),
      answers: [],
      source: `lab:math:${split}:${seed}:${index}`,
      meta: withDerivation(derivation),
    };
    index++;
  }
}

interface Problem {
  readonly text: string;
  readonly derivation: Compute;
}

function problem(person: string, draw: Draw): Problem {
  const thing = draw.pick(things);
  const form = draw.integer(0, 5);
  if (form === 0) {
    const [bags, each] = [draw.integer(2, 9), draw.integer(11, 49)];
    return {
      text: `${person} puts ${bags * each} ${thing} into ${bags} bags. How many in each?`,
      derivation: { kind: 'compute', start: bags * each, operations: [{ operator: '/', operand: bags }] },
    };
  }
  if (form <= 2) {
    const [bags, each] = [draw.integer(2, 9), draw.integer(11, 49)];
    const times = { operator: '*' as const, operand: each };
    const opening = `${person} has ${bags} bags of ${each} ${thing}`;
    if (form === 1)
      return {
        text: `${opening}. How many?`,
        derivation: { kind: 'compute', start: bags, operations: [times] },
      };
    const then = change(bags * each, draw);
    return {
      text: `${opening} and ${then.words}. How many?`,
      derivation: { kind: 'compute', start: bags, operations: [times, then.operation] },
    };
  }
  const start = draw.integer(20, 89);
  const one = change(start, draw);
  const opening = `${person} has ${start} ${thing} and ${one.words}`;
  if (form <= 4)
    return {
      text: `${opening}. How many?`,
      derivation: { kind: 'compute', start, operations: [one.operation] },
    };
  const two = change(operate(start, one.operation.operator, one.operation.operand), draw);
  return {
    text: `${opening} and ${two.words}. How many?`,
    derivation: { kind: 'compute', start, operations: [one.operation, two.operation] },
  };
}

/** A gain, or a loss that leaves something. */
function change(
  have: number,
  draw: Draw,
): { readonly words: string; readonly operation: Compute['operations'][number] } {
  const gains = have < 12 || draw.chance(0.5);
  const operand = gains ? draw.integer(11, 49) : draw.integer(2, Math.min(49, have - 1));
  const operator: Operator = gains ? '+' : '-';
  return { words: `${draw.pick(gains ? gaining : losing)} ${operand}`, operation: { operator, operand } };
}

/**
 * Whether a wrong operator would give a right number somewhere, so that a fault could not be told from good
 * work.
 */
function isAmbiguous({ start, operations }: Compute): boolean {
  const results = runningResults({ kind: 'compute', start, operations });
  const steps = operations.map(({ operator, operand }, i) => {
    const left = results[i];
    const values = operators
      .filter((other) => other !== operator)
      .flatMap((other) => [operate(left, other, operand), operate(operand, other, left)]);
    return values.includes(results[i + 1]);
  });
  return steps.includes(true) || new Set(results).size !== results.length;
}
