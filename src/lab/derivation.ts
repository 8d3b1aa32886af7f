/**
 * How the right answer to a laboratory question is found: what the exact judge checks steps against. It
 * travels in the question's `meta`, which is never shown to a policy.
 */
import { z } from 'zod';
import { DataError } from '../errors.ts';
import type { Question } from '../topics/records.generated.ts';
import type { Relation } from './world.ts';
import { leadsTo } from './world.ts';

const relation = z.enum(Object.keys(leadsTo) as [Relation, ...Relation[]]);

export const operators = ['+', '-', '*', '/'] as const;
export type Operator = (typeof operators)[number];

/** The product of the employer of X: start at X, follow `employer`, then `product`. */
const chain = z.strictObject({
  kind: z.literal('chain'),
  entity: z.string(),
  relations: z.array(relation).min(1).max(2),
});

/** Which of two has the greater number at a relation. */
const compare = z.strictObject({
  kind: z.literal('compare'),
  entities: z.tuple([z.string(), z.string()]),
  relation,
});

/** A number, and what is done to it, one operation after the other. */
const compute = z.strictObject({
  kind: z.literal('compute'),
  start: z.int(),
  operations: z
    .array(z.strictObject({ operator: z.enum(operators), operand: z.int() }))
    .min(1)
    .max(2),
});

const derivation = z.discriminatedUnion('kind', [chain, compare, compute]);

export type Chain = z.output<typeof chain>;
export type Compare = z.output<typeof compare>;
export type Compute = z.output<typeof compute>;
export type Derivation = z.output<typeof derivation>;

const key = 'derivation';

/** The `meta` of a question with this derivation. */
export function withDerivation(value: Derivation): Record<string, string> {
  return { [key]: JSON.stringify(value) };
}

/** The question's derivation. Throws `DataError` when it has none: it is then not from the laboratory. */
export function derivationOf(question: Question): Derivation {
  const json = question.meta[key];
  if (json === undefined) {
    throw new DataError(
      `question ${question.id}: expected a derivation in its meta, as the laboratory's questions have, and found ` +
        `none; the judge \`lab\` can judge only the laboratory's own questions: choose another judge for these`,
    );
  }
  try {
    return derivation.parse(JSON.parse(json));
  } catch (cause) {
    throw new DataError(
      `question ${question.id}: its meta's derivation cannot be read: ${json.slice(0, 200)}`,
      {
        cause,
      },
    );
  }
}

/** The result of one operation on whole numbers. */
export function operate(left: number, operator: Operator, right: number): number {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
  }
}

/** The number before any operation, after the first, and so on. */
export function runningResults({ start, operations }: Compute): number[] {
  const results = [start];
  for (const { operator, operand } of operations) {
    results.push(operate(results.at(-1) ?? start, operator, operand));
  }
  return results;
}
