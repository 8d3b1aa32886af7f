/** How the demonstrator goes about a word problem. */
import type { Question, Step } from '../topics/records.generated.ts';
import type { Act } from './act.ts';
import type { Compute, Operator } from './derivation.ts';
import { operate, runningResults } from './derivation.ts';
import type { Draw } from './draw.ts';
import type { FaultsConfig } from './faults.ts';

export interface ReckonerOptions {
  readonly question: Question;
  readonly derivation: Compute;
  readonly faults: FaultsConfig;
  readonly draw: Draw;
}

/** The next act, given the steps so far. It believes every result of its own. */
export function reckonerActs(steps: readonly Step[], options: ReckonerOptions): Act {
  const { derivation, faults, draw } = options;
  const results = runningResults(derivation);
  const believed = steps.flatMap(({ observation }) =>
    observation?.tool === 'calculator' && observation.status === 'OK' ? [Number(observation.text)] : [],
  );
  const reached = believed.length;
  const left = believed.at(-1) ?? derivation.start;
  const astray = left !== results[reached] ? 'carriedOn' : null;
  const operation = derivation.operations[reached];
  if (operation === undefined) {
    if (draw.chance(faults.misread))
      return { kind: 'answer', content: misread(left, results, draw), fault: 'misread' };
    return { kind: 'answer', content: String(left), fault: astray };
  }
  const { operator, operand } = operation;
  if (reached > 0 && operator === '-' && draw.chance(faults.habit)) {
    return { kind: 'answer', content: String(left), fault: 'habit' };
  }
  const sells = reached === 0 && operator === '-' && options.question.text.includes(` sells ${operand}`);
  if (sells && draw.chance(faults.habit)) return calculate(left, '+', operand, 'habit');
  if (draw.chance(faults.wrongExpression)) {
    const wrong = wrongOperators(left, reached, options);
    if (wrong.length > 0) return calculate(left, draw.pick(wrong), operand, 'wrongExpression');
  }
  if (draw.chance(faults.inTheHead)) {
    return { kind: 'answer', content: String(inTheHead(results.at(-1) as number, draw)), fault: 'inTheHead' };
  }
  return calculate(left, operator, operand, astray);
}

function calculate(left: number, operator: Operator, right: number, fault: Act['fault']): Act {
  return { kind: 'tool', content: `${left} ${operator} ${right}`, fault };
}

/**
 * Operators that give a whole number from 0 and lead, then and later, to no number of the right derivation.
 */
function wrongOperators(left: number, reached: number, { derivation }: ReckonerOptions): Operator[] {
  const right = runningResults(derivation);
  const [{ operand, operator }, ...later] = derivation.operations.slice(reached) as [
    Compute['operations'][number],
    ...Compute['operations'],
  ];
  return (['+', '-', '*'] as const).filter((wrong) => {
    if (wrong === operator) return false;
    const results = runningResults({
      kind: 'compute',
      start: operate(left, wrong, operand),
      operations: later,
    });
    return results.every((result) => Number.isInteger(result) && result >= 0 && !right.includes(result));
  });
}

/** Near the truth, and now and then the truth itself: it is a fault all the same, as nothing shows it. */
function inTheHead(truth: number, draw: Draw): number {
  return draw.chance(0.25) ? truth : Math.max(1, truth + draw.pick([-10, -2, -1, 1, 2, 10]));
}

/** The number with one digit changed. */
function misread(value: number, results: readonly number[], draw: Draw): string {
  const digits = [...String(value)];
  for (;;) {
    const place = draw.integer(0, digits.length - 1);
    const read = digits.with(place, String(draw.integer(place === 0 ? 1 : 0, 9))).join('');
    if (Number(read) !== value && Number(read) !== results.at(-1)) return read;
  }
}
