/** The linear maps of a layer as kernels run them: projections with the same input are one matmul. */
import { type DecoderConfig, type Projection, projectionShape } from '../../config.ts';
import type { LoraShape } from '../../engine.ts';
import { wholeVectors } from '../padding.ts';

export type LinearName = 'qkv' | 'o' | 'gateUp' | 'down';

/** Which projections lie one below the other in a map's weights. */
export const LINEARS: ReadonlyMap<LinearName, readonly Projection[]> = new Map([
  ['qkv', ['q_proj', 'k_proj', 'v_proj']],
  ['o', ['o_proj']],
  ['gateUp', ['gate_proj', 'up_proj']],
  ['down', ['down_proj']],
]);

export interface LinearShape {
  readonly input: number;
  readonly output: number;
  /** Of each projection its outputs: the first, and how many. */
  readonly parts: ReadonlyMap<Projection, { readonly first: number; readonly outputs: number }>;
}

/** Sizes of a linear map. */
export function linearShape(config: DecoderConfig, linear: LinearName): LinearShape {
  const parts = new Map<Projection, { first: number; outputs: number }>();
  let [input, output] = [0, 0];
  for (const projection of projectionsOf(linear)) {
    const [outputs, inputs] = projectionShape(config, projection);
    parts.set(projection, { first: output, outputs });
    output += outputs;
    input = inputs;
  }
  return { input, output, parts };
}

function projectionsOf(linear: LinearName): readonly Projection[] {
  return LINEARS.get(linear) ?? [];
}

/** The projections of a map that have adapters. */
export function lowRankOf(linear: LinearName, lora: LoraShape | null): readonly Projection[] {
  return lora === null ? [] : projectionsOf(linear).filter((projection) => lora.targets.includes(projection));
}

/** Adapters' ranks in whole vec4. */
export function paddedRank({ rank }: LoraShape): number {
  return wholeVectors(rank);
}
