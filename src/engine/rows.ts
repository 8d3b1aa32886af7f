/** Token sequences laid end to end, as engines take them. */
import { ModelError } from '../errors.ts';
import type { DecoderConfig } from './config.ts';
import type { PackedRows } from './engine.ts';

/** One sequence and the indices (ascending, from 1) of its tokens whose logprob counts. */
export interface Row {
  readonly tokens: readonly number[];
  readonly targets: readonly number[];
  /** What divides the logits of each target; left out: 1. */
  readonly temperatures?: readonly number[];
}

/** Lays rows end to end; the targets keep the rows' order. */
export function packRows(rows: readonly Row[]): PackedRows {
  const tokens: number[] = [];
  const positions: number[] = [];
  const targets: number[] = [];
  const temperatures: number[] = [];
  for (const row of rows) {
    for (const [m, target] of row.targets.entries()) {
      targets.push(tokens.length + target);
      temperatures.push(row.temperatures?.[m] ?? 1);
    }
    for (const [position, token] of row.tokens.entries()) {
      tokens.push(token);
      positions.push(position);
    }
  }
  return {
    tokens: Int32Array.from(tokens),
    positions: Int32Array.from(positions),
    targets: Int32Array.from(targets),
    ...(temperatures.some((temperature) => temperature !== 1) && {
      temperatures: Float64Array.from(temperatures),
    }),
  };
}

/** Throws unless the rows are what `PackedRows` says and fit the decoder. */
export function checkRows(rows: PackedRows, config: DecoderConfig): void {
  const { tokens, positions, targets, temperatures } = rows;
  if (tokens.length === 0) throw new RangeError('expected at least one token, found none');
  if (positions.length !== tokens.length) {
    throw new RangeError(`expected ${tokens.length} positions, one per token, found ${positions.length}`);
  }
  checkTokens(tokens, config);
  for (let n = 0; n < tokens.length; n++) {
    if (positions[n] !== 0 && (n === 0 || positions[n] !== positions[n - 1] + 1)) {
      throw new RangeError(
        `expected positions to count up from 0 in each row, found ${positions[n]} at ${n}`,
      );
    }
    if (positions[n] >= config.maxPositions) {
      throw new ModelError(`a row is longer than the policy's context of ${config.maxPositions} tokens`);
    }
  }
  if (temperatures && temperatures.length !== targets.length) {
    throw new RangeError(`expected ${targets.length} temperatures, found ${temperatures.length}`);
  }
  const wrong = temperatures?.find((temperature) => !(temperature > 0 && temperature < Infinity));
  if (wrong !== undefined) throw new RangeError(`expected temperatures above 0, found ${wrong}`);
  for (let m = 0; m < targets.length; m++) {
    const target = targets[m];
    const ascending = m === 0 || target > targets[m - 1];
    if (!ascending || target < 1 || target >= tokens.length || positions[target] === 0) {
      throw new RangeError(`expected targets ascending and none first in its row, found ${target} at ${m}`);
    }
  }
}

/** Throws `ModelError` unless every id is in the vocabulary. */
export function checkTokens(tokens: Int32Array | readonly number[], config: DecoderConfig): void {
  for (const token of tokens) {
    if (!Number.isInteger(token) || token < 0 || token >= config.vocabSize) {
      throw new ModelError(
        `expected token ids from 0 to ${config.vocabSize - 1}, found ${token}: ` +
          'the tokens were recorded by another policy, with another vocabulary',
      );
    }
  }
}
