/** The calculator: arithmetic on the policy's expressions. */
import { z } from 'zod';
import { TAG_PATTERN } from '../agent/action.ts';
import { refusalOf } from '../agent/observations.ts';
import type { Tool, ToolContext, ToolDescription } from '../agent/tool.ts';
import { toolKind } from '../parts/tool-kind.ts';
import type { Parse } from './expression.ts';
import { evaluateExpression } from './expression.ts';

export const calculatorConfig = z.strictObject({
  tag: z.string().regex(TAG_PATTERN).default('math_exp').describe('The tag that calls the tool.'),
  maxLength: z
    .int()
    .min(1)
    .max(2000)
    .default(400)
    .describe('Longest expression in characters; it also bounds the time, which is linear in it.'),
  maxDepth: z.int().min(1).max(64).default(32).describe('Deepest nesting of parentheses.'),
  maxValue: z
    .number()
    .positive()
    .max(Number.MAX_SAFE_INTEGER)
    .default(1e15)
    .describe('Largest absolute value of a result; whole numbers up to it are exact.'),
  digits: z.int().min(1).max(15).default(10).describe('Significant digits of results that are not whole.'),
});
export type CalculatorConfig = z.output<typeof calculatorConfig>;

/**
 * Makes the calculator. A call takes microseconds to a millisecond and cannot hang, as its work is bounded by
 * `maxLength`; what has no value is a `REFUSED` observation with the reason. Loads mathjs on first use.
 */
export async function makeCalculator(name: string, config: CalculatorConfig): Promise<Calculator> {
  const { create, parseDependencies } = await import('mathjs/number');
  const { parse } = create({ parseDependencies });
  if (parse === undefined) throw new Error('mathjs gave no parser');
  return new Calculator(name, config, (text) => parse(text));
}

const CALCULATOR: ToolDescription = {
  description: 'It gives the value of an expression.',
  parameters: {
    type: 'object',
    properties: {
      expression: { type: 'string', description: 'numbers, + - * / ^ and parentheses, without units' },
    },
    required: ['expression'],
  },
  example: '(12 + 30) * 2',
};

export const calculatorTool = toolKind({
  name: 'calculator',
  about: 'Arithmetic on an expression.',
  settings: calculatorConfig,
  make: (config, { name }: Pick<ToolContext, 'name'>): Promise<Tool> => makeCalculator(name, config),
  describe: async () => CALCULATOR,
});

export class Calculator implements Tool {
  readonly name: string;
  readonly tag: string;
  readonly pure = true;
  readonly #config: CalculatorConfig;
  readonly #parse: Parse;

  constructor(name: string, config: CalculatorConfig, parse: Parse) {
    this.name = name;
    this.tag = config.tag;
    this.#config = config;
    this.#parse = parse;
  }

  callForm(argument: string): string {
    return argument.replace(/\s+/g, '');
  }

  async call(argument: string, { signal }: { readonly signal: AbortSignal }): ReturnType<Tool['call']> {
    signal.throwIfAborted();
    const result = evaluateExpression(argument, this.#config, this.#parse);
    return 'value' in result
      ? { tool: this.name, status: 'OK', text: formatNumber(result.value, this.#config.digits) }
      : refusalOf(this.name, result.problem);
  }

  async describe(): Promise<ToolDescription> {
    return CALCULATOR;
  }

  async close(): Promise<void> {}
}

/**
 * Whole numbers in full; others to this many significant digits, without trailing zeros (0.1 + 0.2 is 0.3).
 */
export function formatNumber(value: number, digits: number): string {
  if (Number.isSafeInteger(value)) return String(value);
  return String(Math.abs(value) < 10 ** digits ? Number(value.toPrecision(digits)) : Math.round(value));
}
