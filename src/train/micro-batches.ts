/** Cuts the rows of a batch into passes of bounded size. */
import type { PackedRows } from '../engine/engine.ts';
import { packRows } from '../engine/rows.ts';
import type { PackedStep, Row } from './packing.ts';

/**
 * Rows that go through the policy together. The targets are the tokens of the steps' actions, in the steps'
 * order.
 */
export interface MicroBatch {
  readonly rows: PackedRows;
  readonly steps: readonly PackedStep[];
}

/** Fills passes with rows in order, up to `maxTokens` each; a longer row goes alone. */
export function microBatches(rows: readonly Row[], maxTokens: number): MicroBatch[] {
  const passes: Row[][] = [];
  let tokens = Number.POSITIVE_INFINITY;
  for (const row of rows) {
    if (tokens + row.tokens.length > maxTokens) {
      passes.push([]);
      tokens = 0;
    }
    passes.at(-1)?.push(row);
    tokens += row.tokens.length;
  }
  return passes.map(microBatch);
}

function microBatch(rows: readonly Row[]): MicroBatch {
  return {
    rows: packRows(
      rows.map(({ tokens, steps }) => ({
        tokens,
        targets: steps.flatMap(actionIndices),
        temperatures: steps.flatMap(({ length, temperature }) => Array.from({ length }, () => temperature)),
      })),
    ),
    steps: rows.flatMap(({ steps }) => steps),
  };
}

function actionIndices({ start, length }: PackedStep): number[] {
  return Array.from({ length }, (_, i) => start + i);
}
