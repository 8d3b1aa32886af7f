/**
 * One function per kernel: which buffers it takes by name, and how many workgroups. The forward and the backward list
 * are written in these. Shapes stand beside the bindings in kernels/NAME.wgsl.
 */
import type { Binding } from '../../device/buffers.ts';
import type { DecoderConfig } from '../config.ts';
import type { BatchSizes, Dispatch, Kernels } from './kernels.ts';
import { type LayerSizes, Matmul } from './matmul.ts';
import { bindSlab, type ParameterLayout } from './parameters.ts';
import type { HeadTile, Plan } from './plan.ts';
import type { Shape } from './shape.ts';

/** What the passes over one plan's buffers need. */
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

type Bound<Names extends string> = Readonly<Record<Names, GPUBuffer>>;

export class ForwardOperations {
  readonly config: DecoderConfig;
  readonly shape: Shape;
  readonly plan: Plan;
  protected readonly kernels: Kernels;
  protected readonly layout: ParameterLayout;
  protected readonly products: Matmul;
  protected readonly turns: GPUBuffer;
  readonly #parameters: GPUBuffer;

  constructor(parts: DecoderParts) {
    this.config = parts.config;
    this.shape = parts.shape;
    this.plan = parts.plan;
    this.kernels = parts.kernels;
    this.layout = parts.layout;
    this.products = new Matmul(parts.kernels, parts.plan.batch);
    this.turns = parts.turns;
    this.#parameters = parts.parameters;
  }

  embed(b: Bound<'x'>): Dispatch {
    return this.kernels.dispatch('embed', {
      bindings: [this.plan.batch, this.plan.get('tokens'), this.weights('embed'), b.x],
      workgroups: perElement(this.config.hiddenSize / 4),
    });
  }

  rmsNorm(norm: number, b: Bound<'x' | 'y' | 'rstd'>): Dispatch {
    return this.kernels.dispatch('rms-norm', {
      call: [norm],
      bindings: [this.plan.batch, this.weights('norms'), b.x, b.y, b.rstd],
      workgroups: perToken,
    });
  }

  addNorm(
    norms: { readonly branch: number; readonly next: number },
    b: Bound<'x' | 'branch' | 'total' | 'y' | 'branchRstd' | 'nextRstd'>,
  ): Dispatch {
    const { batch } = this.plan;
    return this.kernels.dispatch('add-norm', {
      call: [norms.branch, norms.next],
      bindings: [batch, this.weights('norms'), b.x, b.branch, b.total, b.y, b.branchRstd, b.nextRstd],
      workgroups: perToken,
    });
  }

  /** y = x times the slab's weights, transposed; the head's targets against a tile of the vocabulary. */
  linear(slab: string, b: Bound<'x' | 'y'>): Dispatch {
    return this.products.forward({ ...b, w: this.weights(slab) }, this.sizesOf(slab), { over: 'tokens' });
  }

  headLogits(tile: HeadTile): Dispatch {
    const b = { x: this.plan.get('taken'), w: this.weights('head', tile), y: this.plan.get('logits') };
    return this.products.forward(b, [this.config.hiddenSize, tile.stride], { over: 'targets' });
  }

  /** `ring` as in `KeysAndValues`. */
  rope(ring: number, b: Bound<'qkv' | 'queries' | 'keys' | 'values'>): Dispatch {
    const { batch } = this.plan;
    const [positions, bases] = [this.plan.get('positions'), this.plan.get('bases')];
    return this.kernels.dispatch('rope', {
      call: [ring],
      bindings: [batch, positions, bases, this.turns, b.qkv, b.queries, b.keys, b.values],
      workgroups: perElement(this.shape.qkvSize / 2),
    });
  }

  attention(
    layer: number,
    ring: number,
    b: Bound<'queries' | 'keys' | 'values' | 'mixed' | 'stats'>,
  ): Dispatch {
    return this.kernels.dispatch('attention', {
      call: [this.window(layer), ring],
      bindings: [this.plan.get('queryBlocks'), b.queries, b.keys, b.values, b.mixed, b.stats],
      workgroups: this.perQueryBlock,
    });
  }

  geluGate(b: Bound<'gateUp' | 'inner'>): Dispatch {
    return this.kernels.dispatch('gelu-gate', {
      bindings: [this.plan.batch, b.gateUp, b.inner],
      workgroups: perElement(this.config.intermediateSize / 4),
    });
  }

  takeTargets(b: Bound<'x' | 'taken'>): Dispatch {
    return this.kernels.dispatch('take-targets', {
      bindings: [this.plan.batch, this.plan.get('targets'), b.x, b.taken],
      workgroups: perElement(this.config.hiddenSize / 4, 'targets'),
    });
  }

  logProb(tile: HeadTile): Dispatch {
    const of = (name: string) => this.plan.get(name);
    return this.kernels.dispatch('log-prob', {
      call: [tile.first, tile.columns, tile.stride],
      bindings: [this.plan.batch, of('tokens'), of('targets'), of('logits'), of('running'), of('logprobs')],
      workgroups: (sizes) => [Math.ceil(sizes.targets / 64)],
    });
  }

  /** A slab of the weights; of the head, a tile's rows. */
  protected weights(slab: string, tile?: HeadTile): Binding {
    return this.bind(this.#parameters, slab, tile);
  }

  protected bind(buffer: GPUBuffer, slab: string, tile?: HeadTile): Binding {
    const hidden = this.config.hiddenSize;
    const part = tile && { start: tile.first * hidden, length: tile.stride * hidden };
    return bindSlab(this.layout, buffer, slab, part);
  }

  protected sizesOf(slab: string): LayerSizes {
    const { hiddenSize, intermediateSize } = this.config;
    if (slab.startsWith('qkv.')) return [hiddenSize, this.shape.qkvSize];
    if (slab.startsWith('o.')) return [this.shape.qSize, hiddenSize];
    if (slab.startsWith('gateUp.')) return [hiddenSize, 2 * intermediateSize];
    if (slab.startsWith('down.')) return [intermediateSize, hiddenSize];
    throw new RangeError(`no linear layer ${slab}`);
  }

  /** 0: the layer sees everything. */
  protected window(layer: number): number {
    return this.config.windows[layer] ?? 0;
  }

  protected perQueryBlock = (sizes: BatchSizes) => [sizes.queryBlocks, this.config.keyValueHeads] as const;
}

/** Workgroups of 8 x 8 invocations over `columns` and the batch's tokens or targets. */
export function perElement(columns: number, rows: 'tokens' | 'targets' = 'tokens') {
  const x = Math.ceil(columns / 8);
  return (sizes: BatchSizes) => [x, Math.ceil(sizes[rows] / 8)] as const;
}

/** Workgroups of 64 invocations, one a token. */
export const perToken = (sizes: BatchSizes) => [Math.ceil(sizes.tokens / 64)] as const;
