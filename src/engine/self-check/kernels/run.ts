/** One dispatch of a kernel as the check of kernels sees it: what was bound, before it ran. */
import type { DecoderConfig } from '../../config.ts';
import type { AdamWOptions, PackedRows } from '../../engine.ts';

export interface KernelRun {
  /** With its sizes on the device. */
  readonly config: DecoderConfig;
  /** How many numbers norms count, of the stream and of a head. */
  readonly normed: { readonly hidden: number; readonly head: number };
  /** Tokens whose share of a norm's or bias's gradient one invocation adds up. */
  readonly chunk: number;
  /** In training: keys and values of a token are the batch's own rows. */
  readonly rows: PackedRows;
  /** The kernel's `Call`, by the order of its members. */
  readonly call: readonly number[];
  /** Of the update that is checked; its step is the first. */
  readonly adamW: AdamWOptions;
  /** A binding's numbers, whatever their format. */
  numbers(binding: number): Float64Array;
  /** What the kernel should leave in a binding; NaN where nothing is expected. Filled in by the oracle. */
  expected(binding: number): Float64Array;
}

/**
 * What a kernel should compute, in float64 by the plainest loops. Bindings are numbered as in
 * kernels/NAME.wgsl.
 */
export type Oracle = (run: KernelRun) => void;

/** The f32 at a member of a kernel's `Call`. */
export function floatOf(member: number): number {
  return new Float32Array(Uint32Array.of(member).buffer)[0];
}

/** cap * tanh(x / cap); null: x. */
export function softCap(x: number, cap: number | null): number {
  return cap === null ? x : cap * Math.tanh(x / cap);
}

/** The slope of `softCap` where it gave this. */
export function softCapSlope(capped: number, cap: number | null): number {
  return cap === null ? 1 : 1 - (capped / cap) ** 2;
}
