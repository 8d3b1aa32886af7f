/** The calculator: arithmetic on the policy's expressions. */
import { z } from 'zod';
import { TAG_PATTERN } from '../agent/action.ts';
import { cut, refusalOf } from '../agent/observations.ts';
import type { Tool, ToolContext, ToolDescription } from '../agent/tool.ts';
import { toolKind } from '../parts/tool-kind.ts';
import { evaluateExpression } from './calculator/read.ts';

export const calculatorConfig = z.strictObject({
  tag: z.string().regex(TAG_PATTERN).default('math_exp').describe('The tag that calls the tool.'),
  maxLength: z
    .int()
    .min(1)
    .max(2000)
    .default(400)
    .describe('Longest expression in characters; it also bounds the time, which is linear in it.'),
  maxDepth: z.int().min(1).max(64).default(32).describe('Deepest nesting of parentheses.'),
  maxDigits: z
    .int()
    .min(1)
    .max(300)
    .default(200)
    .describe('Most digits of a whole result, which is exact; larger results are refused.'),
  maxValue: z
    .number()
    .positive()
    .optional()
    .describe('Largest absolute value of a result; without it `maxDigits` is the bound.'),
  digits: z.int().min(1).max(15).default(10).describe('Significant digits of results that are not whole.'),
});
export type CalculatorConfig = z.output<typeof calculatorConfig>;

/**
 * Makes the calculator. A call takes microseconds to milliseconds and cannot hang, as its work is bounded by
 * `maxLength` and by the size of numbers; what has no value is a `REFUSED` observation with the reason.
 */
export async function makeCalculator(name: string, config: CalculatorConfig): Promise<Calculator> {
  return new Calculator(name, config);
}

/** The longest note of what was computed. */
const MAX_TOLD = 160;

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
  worked: [
    {
      question: 'A box holds 12 pens. How many pens are in 3 boxes?',
      calls: [{ argument: '12 * 3', result: '36' }],
      answer: '36',
    },
    {
      question:
        'Tom has 20 dollars. He buys 4 apples for 2 dollars each and a melon for 5 dollars. How many dollars does he have left?',
      calls: [{ argument: '20 - 4 * 2 - 5', result: '7' }],
      answer: '7',
    },
    {
      question:
        'Ann reads 15 pages a day for 6 days, and her brother Ben reads half as many pages as she does. How many pages do Ann and Ben read together?',
      calls: [
        { argument: '15 * 6', result: '90' },
        { argument: '90 + 90 / 2', result: '135' },
      ],
      answer: '135',
    },
    {
      question:
        'A farmer picks 240 pears. He sells a quarter of them at the market and gives 30 to his neighbors. How many pears are left?',
      calls: [{ argument: '240 - 240 / 4 - 30', result: '150' }],
      answer: '150',
    },
    {
      question:
        'A bus has 48 seats. On Monday 3/4 of the seats were taken, and on Tuesday 6 more than on Monday. How many seats were taken on Tuesday?',
      calls: [
        { argument: '48 * 3 / 4', result: '36' },
        { argument: '36 + 6', result: '42' },
      ],
      answer: '42',
    },
  ],
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

  constructor(name: string, config: CalculatorConfig) {
    this.name = name;
    this.tag = config.tag;
    this.#config = config;
  }

  callForm(argument: string): string {
    return argument
      .trim()
      .replace(/\s+/g, ' ')
      .replace(/ ?([^\p{L}\d .]) ?/gu, '$1');
  }

  async call(argument: string, { signal }: { readonly signal: AbortSignal }): ReturnType<Tool['call']> {
    signal.throwIfAborted();
    const result = evaluateExpression(argument, this.#config);
    if ('problem' in result) return refusalOf(this.name, result.problem);
    const { text, computed } = result;
    return {
      tool: this.name,
      status: 'OK',
      text: computed === null ? text : `${text} (${cut(computed, MAX_TOLD)})`,
    };
  }

  async describe(): Promise<ToolDescription> {
    return CALCULATOR;
  }

  async close(): Promise<void> {}
}
