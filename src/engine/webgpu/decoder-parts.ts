/** What the lists of dispatches are made of. */
import type { DecoderConfig } from '../config.ts';
import type { LoraShape } from '../engine.ts';
import type { Kernels } from './kernels.ts';
import type { ParameterBuffers } from './memory/parameter-buffers.ts';
import type { Plan } from './memory/plan.ts';
import type { Shape } from './shape.ts';

/** What the passes over one plan's buffers need. */
export interface DecoderParts {
  readonly config: DecoderConfig;
  readonly shape: Shape;
  readonly kernels: Kernels;
  readonly plan: Plan;
  readonly weights: ParameterBuffers;
  /** Null: the decoder by itself. */
  readonly adapters: { readonly lora: LoraShape; readonly buffers: ParameterBuffers } | null;
  /** (positions, headSize / 2) cosines and sines. */
  /** Of a layer. */
  readonly ropeTable: (layer: number) => GPUBuffer;
}
