/**
 * Arithmetic on hostile text. mathjs only parses; what it parsed is walked here, node by node, and only
 * numbers, the operators and functions in the tables below mean anything. Nothing of the text is ever
 * compiled or run, and every operation works on float64, so the cost is linear in the length of the text:
 * `9^9^9^9` is one comparison.
 */
import type { ConstantNode, FunctionNode, MathNode, OperatorNode, ParenthesisNode, SymbolNode } from 'mathjs';
import { BINARY, CONSTANTS, FUNCTIONS, Refusal, UNARY } from './arithmetic.ts';

export interface ExpressionLimits {
  /** Longest expression, in UTF-16 units. */
  readonly maxLength: number;
  /** Deepest nesting of parentheses. */
  readonly maxDepth: number;
  /** Largest absolute value of the result. */
  readonly maxValue: number;
}

export type Evaluated = { readonly value: number } | { readonly problem: string };

/** Parses an expression into mathjs's tree. */
export type Parse = (text: string) => MathNode;

/** mathjs's name of the postfix operator that stands for the percent sign. */
const PERCENT: string = 'ctranspose';

/**
 * The value of an expression, or what is wrong with it. Reads what people write too: `x`, `×` and `**`,
 * `$12`, `1,000` and `30%` (0.3). An expression with two readings is refused rather than guessed at.
 */
export function evaluateExpression(text: string, limits: ExpressionLimits, parse: Parse): Evaluated {
  try {
    if (text.length > limits.maxLength) {
      throw new Refusal(`the expression is longer than ${limits.maxLength} characters.`);
    }
    const prepared = prepare(text, limits.maxDepth);
    let tree: MathNode;
    try {
      tree = parse(prepared);
    } catch {
      throw new Refusal('this cannot be read as an expression.');
    }
    const value = evaluate(tree);
    if (Math.abs(value) > limits.maxValue) throw new Refusal('the result is too large.');
    return { value: value === 0 ? 0 : value };
  } catch (error) {
    if (error instanceof Refusal) return { problem: error.message };
    throw error;
  }
}

/**
 * Rewrites what people write into mathjs's syntax, in one pass. A percent sign becomes `'`, mathjs's other
 * postfix operator, because mathjs reads `%` as a remainder where a number or a parenthesis follows.
 */
function prepare(text: string, maxDepth: number): string {
  if (text.includes('=')) throw new Refusal("write the expression alone, without '='.");
  const plain = text
    .replace(/[×·∙⋅]|(?<![A-Za-z])[xX](?![A-Za-z])/g, '*')
    .replaceAll('**', '^')
    .replace(/[÷∕]/g, '/')
    .replace(/[−–—]/g, '-')
    .replace(/[$€£\s]+/g, ' ')
    .trim();
  if (plain === '') throw new Refusal('there is nothing to calculate.');
  const foreign = /[^0-9A-Za-z.,+\-*/^()!% ]/u.exec(plain);
  if (foreign !== null) throw new Refusal(`the character ${JSON.stringify(foreign[0])} is not arithmetic.`);
  return separateThousands(plain, maxDepth).replaceAll('%', "'");
}

/**
 * Drops the commas of `1,000,000` outside function calls, where a comma separates arguments, and bounds the
 * nesting.
 */
function separateThousands(text: string, maxDepth: number): string {
  const inCall: boolean[] = [];
  return text.replace(/(?<![\d.])\d+(?:,\d+)+|([A-Za-z]?) ?\(|\)/g, (found, letter: string | undefined) => {
    if (found === ')') {
      if (inCall.pop() === undefined) throw new Refusal('a parenthesis is closed and not opened.');
    } else if (found.endsWith('(')) {
      inCall.push(letter !== '');
      if (inCall.length > maxDepth) throw new Refusal(`parentheses are nested deeper than ${maxDepth}.`);
    } else if (inCall.at(-1) === true) {
      if (/(?<!\d)\d{1,3},\d{3}(?!\d)/.test(found)) {
        throw new Refusal('write a space after each comma between arguments, and no comma inside a number.');
      }
    } else if (/^\d{1,3}(?:,\d{3})+$/.test(found)) {
      return found.replaceAll(',', '');
    }
    return found;
  });
}

function evaluate(node: MathNode): number {
  const value = numberOf(node);
  if (Number.isNaN(value)) throw new Refusal('the result is not a real number.');
  if (!Number.isFinite(value)) throw new Refusal('the result is too large.');
  return value;
}

function numberOf(node: MathNode): number {
  switch (node.type) {
    case 'ConstantNode': {
      const { value } = node as ConstantNode;
      if (typeof value !== 'number') throw new Refusal('only numbers can be calculated with.');
      return value;
    }
    case 'ParenthesisNode':
      return evaluate((node as ParenthesisNode).content);
    case 'SymbolNode': {
      const { name } = node as SymbolNode;
      const value = CONSTANTS.get(name);
      if (value === undefined) throw unknownName(name);
      return value;
    }
    case 'FunctionNode': {
      const { fn, args } = node as FunctionNode;
      if ((fn as MathNode).type !== 'SymbolNode') throw new Refusal('only arithmetic can be calculated.');
      const found = FUNCTIONS.get(fn.name);
      if (found === undefined) throw unknownName(fn.name);
      if (args.length < found.least || args.length > found.most) {
        throw new Refusal(`${fn.name} cannot be given ${args.length} arguments.`);
      }
      return found.apply(...args.map(evaluate));
    }
    case 'OperatorNode':
      return operate(node as OperatorNode);
    default:
      throw new Refusal('only arithmetic can be calculated.');
  }
}

function operate(node: OperatorNode): number {
  const [left, right] = node.args as MathNode[];
  if (left === undefined) throw new Refusal('this cannot be read as an expression.');
  if (right === undefined) {
    const unary = UNARY.get(node.fn);
    if (unary === undefined) throw new Refusal('only arithmetic can be calculated.');
    return unary(evaluate(left));
  }
  const binary = BINARY.get(node.fn);
  if (binary === undefined) throw new Refusal('only arithmetic can be calculated.');
  if ((node.implicit && isDivision(left)) || (isDivision(node) && isImplicit(right))) {
    throw new Refusal('write * for each multiplication next to a division.');
  }
  const a = evaluate(left);
  const b = evaluate(right);
  // 200 + 10% means 220 to some and 200.1 to others; 1 - 20% and 50% + 20% mean one thing.
  if (
    (node.fn === 'add' || node.fn === 'subtract') &&
    isPercent(right) &&
    !isPercent(left) &&
    a !== 1 &&
    b !== 0
  ) {
    throw new Refusal('write what the percentage is taken of, as in 200 * 10%.');
  }
  return binary(a, b);
}

/** A percentage, or percentages added up. */
function isPercent(node: MathNode): boolean {
  if (node.type === 'ParenthesisNode') return isPercent((node as ParenthesisNode).content);
  if (node.type !== 'OperatorNode') return false;
  const { fn, args } = node as OperatorNode;
  const parts: MathNode[] = args;
  return fn === PERCENT || ((fn === 'add' || fn === 'subtract') && parts.every(isPercent));
}

function isDivision(node: MathNode): boolean {
  return node.type === 'OperatorNode' && (node as OperatorNode).fn === 'divide';
}

function isImplicit(node: MathNode): boolean {
  return node.type === 'OperatorNode' && (node as OperatorNode).implicit;
}

function unknownName(name: string): Refusal {
  return new Refusal(
    `the name ${JSON.stringify(name.slice(0, 40))} is not known; write numbers without units.`,
  );
}
