/** What the two lists of dispatches name: the decoder's weights, the batch's buffers, the cache. */
import type { Binding } from '../../device/buffers.ts';
import type { DecoderConfig } from '../config.ts';
import type { Dispatch, Kernels } from './kernels.ts';
import { type LayerSizes, Matmul } from './matmul.ts';
import { bindSlab, type ParameterLayout } from './parameters.ts';
import type { HeadTile, Plan } from './plan.ts';
import type { Shape } from './shape.ts';

export interface DecoderParts {
  readonly config: DecoderConfig;
  readonly shape: Shape;
  readonly layout: ParameterLayout;
  readonly kernels: Kernels;
  readonly plan: Plan;
  /** All weights, as `layout` has them. */
  readonly parameters: GPUBuffer;
  /** (positions, headSize / 2) cosines and sines. */
  readonly turns: GPUBuffer;
}

interface Options {
  readonly over?: 'tokens' | 'targets';
  /** For the head: its rows that take part. */
  readonly tile?: HeadTile;
  readonly add?: boolean;
}

export abstract class DecoderBuffers {
  readonly config: DecoderConfig;
  readonly shape: Shape;
  readonly kernels: Kernels;
  readonly plan: Plan;
  readonly turns: GPUBuffer;
  protected readonly layout: ParameterLayout;
  protected readonly products: Matmul;
  readonly #parameters: GPUBuffer;

  constructor(parts: DecoderParts) {
    this.config = parts.config;
    this.shape = parts.shape;
    this.kernels = parts.kernels;
    this.plan = parts.plan;
    this.turns = parts.turns;
    this.layout = parts.layout;
    this.products = new Matmul(parts.kernels, parts.plan.batch);
    this.#parameters = parts.parameters;
  }

  /** (rows, kvSize) of a layer. */
  abstract keys(layer: number): GPUBuffer;
  abstract values(layer: number): GPUBuffer;
  /** (N, hidden) the residual stream before a layer, or after the last. */
  abstract stream(layer: number): GPUBuffer;

  /** Weights by the name of their slab. */
  weights = (slab: string): Binding => this.slab(this.#parameters, slab, undefined);

  matmul(b: { x: GPUBuffer; w: string; y: GPUBuffer }, sizes: LayerSizes, options: Options = {}): Dispatch {
    const w = this.slab(this.#parameters, b.w, options.tile);
    return this.products.forward({ ...b, w }, sizes, { over: 'tokens', ...options });
  }

  matmulBackwardInput(
    b: { dy: GPUBuffer; w: string; dx: GPUBuffer },
    sizes: LayerSizes,
    options: Options = {},
  ): Dispatch {
    const w = this.slab(this.#parameters, b.w, options.tile);
    return this.products.backwardInput({ ...b, w }, sizes, { over: 'tokens', ...options });
  }

  protected slab(buffer: GPUBuffer, name: string, tile: HeadTile | undefined): Binding {
    const hidden = this.config.hiddenSize;
    const part = tile && { start: tile.first * hidden, length: tile.stride * hidden };
    return bindSlab(this.layout, buffer, name, part);
  }
}

/** Every layer keeps what its backward pass needs. */
export class TrainingBuffers extends DecoderBuffers {
  readonly #gradients: GPUBuffer;

  constructor(parts: DecoderParts & { readonly gradients: GPUBuffer }) {
    super(parts);
    this.#gradients = parts.gradients;
  }

  /** Gradients by the name of their slab. */
  gradients = (slab: string): Binding => this.slab(this.#gradients, slab, undefined);

  keys(layer: number): GPUBuffer {
    return this.plan.get('keys', layer);
  }

  values(layer: number): GPUBuffer {
    return this.plan.get('values', layer);
  }

  stream(layer: number): GPUBuffer {
    return this.plan.get(`stream${layer}`);
  }

  matmulBackwardWeight(
    b: { dy: GPUBuffer; x: GPUBuffer; dw: string },
    sizes: LayerSizes,
    options: Options = {},
  ): Dispatch {
    const dw = this.slab(this.#gradients, b.dw, options.tile);
    return this.products.backwardWeight({ ...b, dw }, sizes, { over: 'tokens', ...options });
  }
}

/** Keys and values lie in a cache that outlives the batch; nothing else is kept. */
export class SamplingBuffers extends DecoderBuffers {
  readonly #keys: readonly GPUBuffer[];
  readonly #values: readonly GPUBuffer[];

  constructor(
    parts: DecoderParts & { readonly keys: readonly GPUBuffer[]; readonly values: readonly GPUBuffer[] },
  ) {
    super(parts);
    this.#keys = parts.keys;
    this.#values = parts.values;
  }

  keys(layer: number): GPUBuffer {
    return this.#keys[layer];
  }

  values(layer: number): GPUBuffer {
    return this.#values[layer];
  }

  stream(layer: number): GPUBuffer {
    return this.plan.get(`stream${layer % 2}`);
  }
}
