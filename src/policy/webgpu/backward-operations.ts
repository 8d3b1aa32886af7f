/** The kernels of the backward pass as functions, like operations.ts. They add to the gradients of the weights. */
import type { Binding } from '../../device/buffers.ts';
import type { Dispatch } from './kernels.ts';
import { type DecoderParts, ForwardOperations, perElement, perToken } from './operations.ts';
import type { HeadTile } from './plan.ts';

type Bound<Names extends string> = Readonly<Record<Names, GPUBuffer>>;

export class TrainingOperations extends ForwardOperations {
  readonly #gradients: GPUBuffer;

  /** `gradients` are laid out as the weights are. */
  constructor(parts: DecoderParts & { readonly gradients: GPUBuffer }) {
    super(parts);
    this.#gradients = parts.gradients;
  }

  /** The tile's logits become their gradient, in place. */
  logProbBackward(tile: HeadTile): Dispatch {
    const of = (name: string) => this.plan.get(name);
    return this.kernels.dispatch('log-prob-backward', {
      call: [tile.first, tile.columns, tile.stride],
      bindings: [this.plan.batch, of('tokens'), of('targets'), of('weights'), of('running'), of('logits')],
      workgroups: perElement(tile.stride, 'targets'),
    });
  }

  /** Of the taken rows, to which a tile after the first adds, and of the tile's embeddings. */
  headBackward(tile: HeadTile): Dispatch[] {
    const sizes = [this.config.hiddenSize, tile.stride] as const;
    const dy = this.plan.get('logits');
    const [w, dw] = [this.weights('head', tile), this.gradients('head', tile)];
    const over = 'targets';
    return [
      this.products.backwardInput({ dy, w, dx: this.plan.get('dtaken') }, sizes, {
        over,
        add: tile.first > 0,
      }),
      this.products.backwardWeight({ dy, x: this.plan.get('taken'), dw }, sizes, { over }),
    ];
  }

  /** Of a linear layer's input, and of its weight. */
  linearBackward(slab: string, b: Bound<'dy' | 'x' | 'dx'>): Dispatch[] {
    const sizes = this.sizesOf(slab);
    const [w, dw] = [this.weights(slab), this.gradients(slab)];
    return [
      this.products.backwardInput({ dy: b.dy, w, dx: b.dx }, sizes, { over: 'tokens' }),
      this.products.backwardWeight({ dy: b.dy, x: b.x, dw }, sizes, { over: 'tokens' }),
    ];
  }

  takeTargetsBackward(b: Bound<'dtaken' | 'dx'>): Dispatch {
    return this.kernels.dispatch('take-targets-backward', {
      bindings: [this.plan.batch, this.plan.get('targetOf'), b.dtaken, b.dx],
      workgroups: perElement(this.config.hiddenSize / 4),
    });
  }

  /** First pass: sums over chunks of tokens. `normWeightReduce` is the second, for all norms. */
  normWeightGradient(norm: number, b: Bound<'dy' | 'x' | 'rstd'>): Dispatch {
    return this.kernels.dispatch('norm-weight-gradient', {
      call: [norm],
      bindings: [this.plan.batch, b.dy, b.x, b.rstd, this.plan.get('normPartials')],
      workgroups: (sizes) => [Math.ceil(this.config.hiddenSize / 64), sizes.chunks],
    });
  }

  normWeightReduce(): Dispatch {
    return this.kernels.dispatch('norm-weight-reduce', {
      bindings: [this.plan.batch, this.plan.get('normPartials'), this.gradients('norms')],
      workgroups: () => [Math.ceil(this.config.hiddenSize / 64), this.shape.norms],
    });
  }

  /** `stream` is the gradient along the residual stream: of `total` before, of the sum's left side after. */
  addNormBackward(
    norms: { readonly branch: number; readonly next: number },
    b: Bound<'dy' | 'total' | 'branch' | 'branchRstd' | 'nextRstd' | 'stream' | 'dbranch'>,
  ): Dispatch {
    return this.kernels.dispatch('add-norm-backward', {
      call: [norms.branch, norms.next],
      bindings: [
        ...[this.plan.batch, this.weights('norms'), b.dy, b.total, b.branch],
        ...[b.branchRstd, b.nextRstd, b.stream, b.dbranch],
      ],
      workgroups: perToken,
    });
  }

  rmsNormBackward(norm: number, b: Bound<'dy' | 'x' | 'rstd' | 'dx'>): Dispatch {
    return this.kernels.dispatch('rms-norm-backward', {
      call: [norm],
      bindings: [this.plan.batch, this.weights('norms'), b.dy, b.x, b.rstd, b.dx],
      workgroups: perToken,
    });
  }

  geluGateBackward(b: Bound<'gateUp' | 'dinner' | 'dgateUp'>): Dispatch {
    return this.kernels.dispatch('gelu-gate-backward', {
      bindings: [this.plan.batch, b.gateUp, b.dinner, b.dgateUp],
      workgroups: perElement(this.config.intermediateSize / 4),
    });
  }

  attentionBackward(
    layer: number,
    b: Bound<'queries' | 'keys' | 'values' | 'mixed' | 'stats' | 'dmixed' | 'dqueries' | 'dkeys' | 'dvalues'>,
  ): Dispatch[] {
    const call = [this.window(layer)];
    const [queryBlocks, keyBlocks] = [this.plan.get('queryBlocks'), this.plan.get('keyBlocks')];
    return [
      this.kernels.dispatch('attention-backward-queries', {
        call,
        bindings: [queryBlocks, b.queries, b.keys, b.values, b.mixed, b.dmixed, b.stats, b.dqueries],
        workgroups: this.perQueryBlock,
      }),
      this.kernels.dispatch('attention-backward-keys', {
        call,
        bindings: [keyBlocks, b.queries, b.keys, b.values, b.dmixed, b.stats, b.dkeys, b.dvalues],
        workgroups: (sizes) => [sizes.keyBlocks, this.config.keyValueHeads],
      }),
    ];
  }

  ropeBackward(b: Bound<'dqueries' | 'dkeys' | 'dvalues' | 'dqkv'>): Dispatch {
    const { batch } = this.plan;
    return this.kernels.dispatch('rope-backward', {
      bindings: [batch, this.plan.get('positions'), this.turns, b.dqueries, b.dkeys, b.dvalues, b.dqkv],
      workgroups: perElement(this.shape.qkvSize / 2),
    });
  }

  embedBackward(b: Bound<'dx'>): Dispatch {
    const { batch } = this.plan;
    return this.kernels.dispatch('embed-backward', {
      bindings: [batch, this.plan.get('segments'), this.plan.get('order'), b.dx, this.gradients('embed')],
      workgroups: (sizes) => [Math.ceil(this.config.hiddenSize / 4 / 8), Math.ceil(sizes.segments / 8)],
    });
  }

  private gradients(slab: string, tile?: HeadTile): Binding {
    return this.bind(this.#gradients, slab, tile);
  }
}
