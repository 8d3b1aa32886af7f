/**
 * One function per kernel: which buffers it takes by name, and how many workgroups. The forward and the
 * backward list are written in these. Shapes stand beside the bindings in kernels/NAME.wgsl.
 */
import type { Binding } from '../../../device/buffers.ts';
import type { DecoderConfig } from '../../config.ts';
import type { DecoderParts } from '../decoder-parts.ts';
import { type Dispatch, float, type Kernels, perElement } from '../kernels.ts';
import { Matmul, type Weight, whole } from '../matmul/matmul.ts';
import type { BatchSizes } from '../memory/batch.ts';
import type { LinearName } from '../memory/linear-maps.ts';
import type { ParameterBuffers } from '../memory/parameter-buffers.ts';
import type { HeadTile, Plan } from '../memory/plan.ts';
import { overRows, type RowKernel } from '../row-kernels.ts';
import { type Shape, spanColumns } from '../shape.ts';
import type { Variant } from '../variant.ts';
import { attentionVariant } from './attention-variants.ts';
import { LinearMaps } from './linear.ts';

type Bound<Names extends string> = Readonly<Record<Names, GPUBuffer>>;

export class ForwardOperations {
  readonly config: DecoderConfig;
  readonly shape: Shape;
  readonly plan: Plan;
  protected readonly kernels: Kernels;
  protected readonly matmul: Matmul;
  protected readonly linears: LinearMaps;
  protected readonly ropeTable: (layer: number) => GPUBuffer;
  protected readonly weights: ParameterBuffers;

  constructor(parts: DecoderParts) {
    this.config = parts.config;
    this.shape = parts.shape;
    this.plan = parts.plan;
    this.kernels = parts.kernels;
    this.matmul = Matmul.over(parts);
    this.linears = new LinearMaps(parts);
    this.ropeTable = parts.ropeTable;
    this.weights = parts.weights;
  }

  /** A dispatch for each piece of the table. */
  embed(b: Bound<'x'>): Dispatch[] {
    const table = this.weights.slab('embed');
    return table.pieces.map((piece) =>
      this.kernels.dispatch('embed', {
        stored: table.format,
        call: [piece.firstRow, piece.rows, float(this.config.embeddingScale)],
        bindings: [this.plan.batch, this.plan.get('tokens'), this.weights.bind(table, piece), b.x],
        workgroups: perElement(this.config.hiddenSize / 4),
      }),
    );
  }

  rmsNorm(norm: number, b: Bound<'x' | 'y' | 'rstd'>): Dispatch {
    return this.kernels.dispatch('rms-norm', {
      ...this.perToken('rms-norm'),
      call: [norm],
      bindings: [this.plan.batch, this.norms, b.x, b.y, b.rstd],
    });
  }

  addNorm(
    norms: { readonly branch: number; readonly next: number },
    b: Bound<'x' | 'branch' | 'total' | 'y' | 'branchRstd' | 'nextRstd'>,
  ): Dispatch {
    const { batch } = this.plan;
    return this.kernels.dispatch('add-norm', {
      ...this.perToken('add-norm'),
      call: [norms.branch, norms.next],
      bindings: [batch, this.norms, b.x, b.branch, b.total, b.y, b.branchRstd, b.nextRstd],
    });
  }

  linear(linear: LinearName, layer: number, b: Bound<'x' | 'y'>): Dispatch[] {
    return this.linears.forward(linear, layer, b);
  }

  /** The targets' rows against a tile of the vocabulary. */
  headLogits(tile: HeadTile): Dispatch {
    const { hiddenSize } = this.config;
    const x = whole(this.plan.get('taken'), hiddenSize);
    const y = { of: this.plan.get('logits'), stride: tile.stride, at: tile.at };
    const options = { input: hiddenSize, output: tile.width, over: 'targets' } as const;
    return this.matmul.forward({ x, w: this.headWeight(tile), y }, options);
  }

  /** Only where queries and keys are normed. */
  headNorm(layer: number, b: Bound<'qkv' | 'y' | 'rstd'>): Dispatch {
    return this.kernels.dispatch('head-norm', {
      call: [layer],
      bindings: [this.plan.batch, this.weights.bindWhole('headNorms'), b.qkv, b.y, b.rstd],
      workgroups: perElement(this.config.heads + 2 * this.config.keyValueHeads),
    });
  }

  /** `ring` as in `KeysAndValues`. */
  rope(layer: number, ring: number, b: Bound<'qkv' | 'queries' | 'keys' | 'values'>): Dispatch {
    const { batch } = this.plan;
    const [positions, bases] = [this.plan.get('positions'), this.plan.get('bases')];
    return this.kernels.dispatch('rope', {
      call: [ring],
      bindings: [batch, positions, bases, this.ropeTable(layer), b.qkv, b.queries, b.keys, b.values],
      workgroups: perElement(this.shape.qkvSize / 2 / this.shape.ropePairs),
    });
  }

  attention(
    layer: number,
    ring: number,
    b: Bound<'queries' | 'keys' | 'values' | 'mixed' | 'stats'>,
  ): Dispatch {
    return this.kernels.dispatch('attention', {
      ...this.attentionVariant('attention'),
      call: [this.window(layer), ring],
      bindings: [this.plan.get('queryBlocks'), b.queries, b.keys, b.values, b.mixed, b.stats],
      workgroups: this.perQueryBlock,
    });
  }

  gate(b: Bound<'gateUp' | 'inner'>): Dispatch {
    return this.kernels.dispatch('gate', {
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

  logprob(tile: HeadTile): Dispatch {
    return this.kernels.dispatch('logprob', {
      ...this.overTile(tile, ['logits', 'running', 'logprobs']),
      ...overRows('logprob', this.kernels, (sizes) => sizes.targets),
    });
  }

  /** In sampling: what the logits of each span of the vocabulary weigh. */
  spanMasses(b: Bound<'logits' | 'masses'>): Dispatch {
    const { vocabSize } = this.config;
    const spans = Math.ceil(vocabSize / spanColumns);
    return this.kernels.dispatch('span-masses', {
      call: [vocabSize],
      bindings: [this.plan.batch, b.logits, this.plan.get('inverseTemperatures'), b.masses],
      workgroups: (sizes) => [Math.ceil(spans / 64), sizes.targets],
    });
  }

  /** In sampling: the token of each target, out of its logits. */
  draw(b: Bound<'logits' | 'masses' | 'wanted' | 'drawn'>): Dispatch {
    const temperatures = this.plan.get('inverseTemperatures');
    return this.kernels.dispatch('draw', {
      ...overRows('draw', this.kernels, (sizes) => sizes.targets),
      call: [this.config.vocabSize],
      bindings: [this.plan.batch, b.logits, temperatures, b.masses, b.wanted, b.drawn],
    });
  }

  /** What kernels over a tile of the logits are given; `between` is what logprob-bindings.wgsl leaves to each. */
  protected overTile({ first, columns, stride }: HeadTile, between: readonly string[]) {
    const names = ['tokens', 'targets', ...between, 'inverseTemperatures'];
    return {
      call: [first, columns, stride],
      bindings: [this.plan.batch, ...names.map((name) => this.plan.get(name))],
    };
  }

  protected attentionVariant(name: Parameters<typeof attentionVariant>[0]): { variant?: Variant } {
    const { headSize } = this.config;
    const variant = attentionVariant(name, this.kernels, { headSize, shape: this.shape });
    return variant ? { variant } : {};
  }

  /** A row for each token. */
  protected perToken(name: RowKernel) {
    return overRows(name, this.kernels, (sizes) => sizes.tokens);
  }

  protected get norms(): Binding {
    return this.weights.bindWhole('norms');
  }

  protected headWeight(tile: HeadTile): Weight {
    const head = this.weights.slab('head');
    return { of: bindTile(this.weights, tile), format: head.format };
  }

  /** 0: the layer sees everything. */
  protected window(layer: number): number {
    return this.config.windows[layer] ?? 0;
  }

  protected perQueryBlock = (sizes: BatchSizes) => [sizes.queryBlocks, this.config.keyValueHeads] as const;
}

/** The head's rows of a tile. */
export function bindTile(parameters: ParameterBuffers, { piece, first, width }: HeadTile): Binding {
  return parameters.bind(parameters.slab('head'), piece, { from: first - piece.firstRow, count: width });
}
