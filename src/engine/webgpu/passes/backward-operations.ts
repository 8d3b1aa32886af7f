/**
 * The kernels of the backward pass as functions, like operations.ts. They add to the gradients of what is
 * trained; of what is frozen there is no gradient, and the lists are shorter.
 */

import type { DecoderParts } from '../decoder-parts.ts';
import { type Dispatch, perElement } from '../kernels.ts';
import { whole } from '../matmul/matmul.ts';
import type { LinearName } from '../memory/linear-maps.ts';
import type { ParameterBuffers } from '../memory/parameter-buffers.ts';
import type { HeadTile } from '../memory/plan.ts';
import type { Gradients } from './linear.ts';
import { bindTile, ForwardOperations } from './operations.ts';

type Bound<Names extends string> = Readonly<Record<Names, GPUBuffer>>;

export class TrainingOperations extends ForwardOperations {
  readonly #gradients: Gradients;

  constructor(parts: DecoderParts, gradients: Gradients) {
    super(parts);
    this.#gradients = gradients;
  }

  /** The tile's logits become their gradient, in place. */
  logprobBackward(tile: HeadTile): Dispatch {
    return this.kernels.dispatch('logprob-backward', {
      ...this.overTile(tile, ['advantages', 'running', 'logits']),
      workgroups: perElement(tile.width / 4, 'targets'),
    });
  }

  /** Of the taken rows, to which a tile after the first adds, and of the tile's rows of the head. */
  headBackward(tile: HeadTile): Dispatch[] {
    const { hiddenSize } = this.config;
    const dy = whole(this.plan.get('logits'), tile.stride);
    const x = whole(this.plan.get('taken'), hiddenSize);
    const dx = whole(this.plan.get('dtaken'), hiddenSize);
    const options = { input: hiddenSize, output: tile.width, over: 'targets' } as const;
    const add = tile.first > 0;
    return [
      this.matmul.backwardInput({ dy, w: this.headWeight(tile), dx }, { ...options, add }),
      ...this.#trained((to) => [this.matmul.backwardWeight({ dy, x, dw: bindTile(to, tile) }, options)]),
    ];
  }

  /** Of a linear map's input, and of its weight, bias and adapters. */
  linearBackward(linear: LinearName, layer: number, b: Bound<'dy' | 'x' | 'dx'>): Dispatch[] {
    return this.linears.backward(linear, layer, b, this.#gradients);
  }

  takeTargetsBackward(b: Bound<'dtaken' | 'dx'>): Dispatch {
    return this.kernels.dispatch('take-targets-backward', {
      bindings: [this.plan.batch, this.plan.get('targetOf'), b.dtaken, b.dx],
      workgroups: perElement(this.config.hiddenSize / 4),
    });
  }

  /** First pass: sums over chunks of tokens. `normWeightReduce` is the second, for all norms. */
  normWeightGradient(norm: number, b: Bound<'dy' | 'x' | 'rstd'>): Dispatch[] {
    return this.#trained(() => [
      this.kernels.dispatch('norm-weight-gradient', {
        call: [norm],
        bindings: [this.plan.batch, b.dy, b.x, b.rstd, this.plan.get('normPartials')],
        workgroups: (sizes) => [Math.ceil(this.config.hiddenSize / 4 / 64), sizes.chunks],
      }),
    ]);
  }

  normWeightReduce(): Dispatch[] {
    return this.#trained((to) => [
      this.kernels.dispatch('norm-weight-reduce', {
        bindings: [this.plan.batch, this.plan.get('normPartials'), to.bindWhole('norms')],
        workgroups: () => [Math.ceil(this.config.hiddenSize / 64), this.shape.norms],
      }),
    ]);
  }

  /** `stream` is the gradient along the residual stream: of `total` before, of the sum's left side after. */
  addNormBackward(
    norms: { readonly branch: number; readonly next: number },
    b: Bound<'dy' | 'total' | 'branch' | 'branchRstd' | 'nextRstd' | 'stream' | 'dbranch'>,
  ): Dispatch {
    return this.kernels.dispatch('add-norm-backward', {
      ...this.perToken('add-norm-backward'),
      call: [norms.branch, norms.next],
      bindings: [
        ...[this.plan.batch, this.norms, b.dy, b.total, b.branch],
        ...[b.branchRstd, b.nextRstd, b.stream, b.dbranch],
      ],
    });
  }

  rmsNormBackward(norm: number, b: Bound<'dy' | 'x' | 'rstd' | 'dx'>): Dispatch {
    return this.kernels.dispatch('rms-norm-backward', {
      ...this.perToken('rms-norm-backward'),
      call: [norm],
      bindings: [this.plan.batch, this.norms, b.dy, b.x, b.rstd, b.dx],
    });
  }

  gateBackward(b: Bound<'gateUp' | 'dinner' | 'dgateUp'>): Dispatch {
    return this.kernels.dispatch('gate-backward', {
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
        ...this.attentionVariant('attention-backward-queries'),
        call,
        bindings: [queryBlocks, b.queries, b.keys, b.values, b.mixed, b.dmixed, b.stats, b.dqueries],
        workgroups: this.perQueryBlock,
      }),
      this.kernels.dispatch('attention-backward-keys', {
        ...this.attentionVariant('attention-backward-keys'),
        call,
        bindings: [keyBlocks, b.queries, b.keys, b.values, b.dmixed, b.stats, b.dkeys, b.dvalues],
        workgroups: (sizes) => [sizes.keyBlocks, this.config.keyValueHeads],
      }),
    ];
  }

  ropeBackward(layer: number, b: Bound<'dqueries' | 'dkeys' | 'dvalues' | 'dqkv'>): Dispatch {
    const { batch } = this.plan;
    return this.kernels.dispatch('rope-backward', {
      bindings: [
        ...[batch, this.plan.get('positions'), this.ropeTable(layer)],
        ...[b.dqueries, b.dkeys, b.dvalues, b.dqkv],
      ],
      workgroups: perElement(this.shape.qkvSize / 2 / this.shape.ropePairs),
    });
  }

  /** Of the norms of queries and keys, and then, in place, of what they normed. */
  headNormBackward(layer: number, b: Bound<'qkv' | 'rstd' | 'dqkv'>): Dispatch[] {
    const { batch } = this.plan;
    const width = 2 * this.config.headSize;
    const columns = Math.ceil(width / 64);
    return [
      ...this.#trained((to) => [
        this.kernels.dispatch('head-norm-weight-gradient', {
          bindings: [batch, b.dqkv, b.qkv, b.rstd, this.plan.get('columnPartials')],
          workgroups: (sizes) => [columns, sizes.chunks],
        }),
        this.kernels.dispatch('column-sums-reduce', {
          call: [width, layer * width],
          bindings: [batch, this.plan.get('columnPartials'), to.bindWhole('headNorms')],
          workgroups: () => [columns],
        }),
      ]),
      this.kernels.dispatch('head-norm-backward', {
        call: [layer],
        bindings: [batch, this.weights.bindWhole('headNorms'), b.qkv, b.rstd, b.dqkv],
        workgroups: perElement(this.config.heads + this.config.keyValueHeads),
      }),
    ];
  }

  embedBackward(b: Bound<'dx'>): Dispatch[] {
    const { batch } = this.plan;
    return this.#trained((to) => {
      const table = to.slab('embed');
      return table.pieces.map((piece) =>
        this.kernels.dispatch('embed-backward', {
          call: [piece.firstRow, piece.rows],
          bindings: [
            ...[batch, this.plan.get('segments'), this.plan.get('order')],
            ...[b.dx, to.bind(table, piece)],
          ],
          workgroups: (sizes) => [Math.ceil(this.config.hiddenSize / 4 / 8), Math.ceil(sizes.segments / 8)],
        }),
      );
    });
  }

  /** What only the training of the decoder's own weights needs. */
  #trained(dispatches: (gradients: ParameterBuffers) => Dispatch[]): Dispatch[] {
    return this.#gradients.decoder === null ? [] : dispatches(this.#gradients.decoder);
  }
}
