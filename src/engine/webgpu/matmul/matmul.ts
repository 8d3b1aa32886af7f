/** The three matmuls of a linear layer; the one place that chooses their kernels. */
import type { Binding } from '../../../device/buffers.ts';
import type { DecoderParts } from '../decoder-parts.ts';
import { type Dispatch, float, inTwoDimensions, type KernelCall, type Kernels } from '../kernels.ts';
import {
  gradientPanel,
  gradientTile,
  hasRest,
  matrixTile,
  matrixVariant,
  panelDepth,
  panelRows,
  panelVariant,
  rowsVariant,
  scalesVariant,
  subgroupRows,
  subgroupTile,
  tileVariant,
} from '../matmul-variants.ts';
import type { BatchSizes } from '../memory/batch.ts';
import type { NumberFormat } from '../memory/number-format.ts';
import type { Variant } from '../variant.ts';

/** Columns of a matrix: `stride` numbers from row to row, the first at `at`; multiples of 4. */
export interface Columns {
  readonly of: GPUBuffer | Binding;
  readonly stride: number;
  readonly at: number;
}

/** A weight (output, input), row by row. */
export interface Weight {
  readonly of: Binding;
  readonly format: NumberFormat;
}

/** Sizes of the layer; multiples of 4. What the rows are; and what becomes of the result. */
export interface MatmulOptions {
  readonly input: number;
  readonly output: number;
  readonly over: 'tokens' | 'targets';
  /** Multiplies the result. */
  readonly scale?: number;
  /** Add to what is in the result, where the kernel would otherwise write. */
  readonly add?: boolean;
}

/** Room that matmuls use in passing. */
export interface MatmulRoom {
  /** Where matmuls on subgroup matrices run: a number for each row. */
  readonly rowScales?: GPUBuffer | null;
  /** Where weights' gradients may take panels: what they multiply, transposed, and sums on their way. */
  readonly gradients?: GradientRoom | null;
}

interface GradientRoom {
  readonly across: GPUBuffer;
  readonly partials: GPUBuffer;
  /** The most rows that a batch has. */
  readonly rows: number;
}

export class Matmul {
  readonly #kernels: Kernels;
  readonly #batch: GPUBuffer;
  readonly #fewRows: boolean;
  readonly #room: MatmulRoom;

  /** Over a plan's batch. Only sampling keeps nothing: its steps have a row for each sample. */
  static over({ kernels, plan }: Pick<DecoderParts, 'kernels' | 'plan'>): Matmul {
    const [across, partials] = [plan.find('across'), plan.find('partials')];
    const rows = Math.max(plan.capacity.tokens, plan.capacity.targets);
    return new Matmul(kernels, plan.batch, {
      fewRows: plan.kept === 'none',
      rowScales: plan.get('rowScales'),
      gradients: across && partials && { across, partials, rows },
    });
  }

  /**
   * `fewRows`: reading weights will be most of the work, as in sampling. It is not decided by the rows at
   * hand: kernels of a family sum in different orders, and a row must not depend on how many there are.
   */
  constructor(
    kernels: Kernels,
    batch: GPUBuffer,
    { fewRows = false, ...room }: { fewRows?: boolean } & MatmulRoom = {},
  ) {
    this.#kernels = kernels;
    this.#batch = batch;
    this.#fewRows = fewRows;
    this.#room = room;
  }

  /** y (M, output) = x (M, input) times w transposed. */
  forward({ x, w, y }: { x: Columns; w: Weight; y: Columns }, options: MatmulOptions): Dispatch {
    const call = { ...this.#times(w, x, y), call: callOf(x, y, options) };
    if (this.#inRegisters) {
      return this.#kernels.dispatch('matmul', { ...call, workgroups: tiles(options.output, 4, options) });
    }
    const lanes = this.#inSubgroups(
      'matmul',
      { file: 'tile-forward', call, columns: options.output, depth: options.input },
      options,
    );
    if (lanes) return lanes;
    if (this.#fewRows) {
      const variant = rowsVariant(this.#kernels.adapter);
      const columns = Math.ceil(options.output / 32);
      const workgroups: KernelCall['workgroups'] = (sizes) => [Math.ceil(sizes[options.over] / 8), columns];
      return this.#kernels.dispatch('matmul', { ...call, variant, workgroups });
    }
    const units = this.#onUnits(
      'tile-forward',
      w,
      { left: x, depth: options.input, columns: options.output },
      options,
    );
    if (units) return this.#kernels.dispatch('matmul', { ...call, ...units });
    const variant = this.#tile('tile-forward', w);
    const workgroups = squares(options.output, options);
    return this.#kernels.dispatch('matmul', { ...call, variant, workgroups });
  }

  /** dx (M, input) = dy (M, output) times w. */
  backwardInput({ dy, w, dx }: { dy: Columns; w: Weight; dx: Columns }, options: MatmulOptions): Dispatch {
    const call = { ...this.#times(w, dy, dx), call: callOf(dx, dy, options) };
    if (this.#inRegisters) {
      const workgroups = tiles(options.input, 8, options);
      return this.#kernels.dispatch('matmul-backward-input', { ...call, workgroups });
    }
    const { input: columns, output: depth } = options;
    const tile = { file: 'tile-backward-input', call, columns, depth };
    const lanes = this.#inSubgroups('matmul-backward-input', tile, options);
    if (lanes) return lanes;
    const units = this.#onUnits(
      'tile-backward-input',
      w,
      { left: dy, depth: options.output, columns: options.input },
      options,
    );
    if (units) return this.#kernels.dispatch('matmul-backward-input', { ...call, ...units });
    const variant = this.#tile('tile-backward-input');
    const workgroups = squares(options.input, options);
    return this.#kernels.dispatch('matmul-backward-input', { ...call, variant, workgroups });
  }

  /** dw (output, input) += dy (M, output) transposed times x (M, input). */
  backwardWeight({ dy, x, dw }: { dy: Columns; x: Columns; dw: Binding }, options: MatmulOptions): Dispatch {
    const { input, output, over } = options;
    const { family, lanes } = this.#kernels.matmul;
    const [wide, high, variant] =
      family === 'registers'
        ? [32, 64]
        : lanes
          ? [4 * lanes, ...gradientTile('tile-backward-weight', lanes, output)]
          : [64, 64, this.#tile('tile-backward-weight')];
    const [columns, rows] = [Math.ceil(input / wide), Math.ceil(output / high)];
    const panels = this.#gradientPanels({ dy, x, dw }, options);
    return this.#kernels.dispatch('matmul-backward-weight', {
      call: callOf(x, dy, options),
      bindings: [this.#batch, dy.of, x.of, dw],
      ...(variant ? { variant } : {}),
      workgroups: ({ [over]: depth }) => {
        if (depth === 0 || (panels && suitsPanels(depth))) return [0];
        return lanes ? [rows, columns] : [columns, rows];
      },
      ...(panels ? { before: panels } : {}),
    });
  }

  /**
   * A weight's gradient by panels, as many of its rows at a time as there is room for. dy is transposed first, so that a
   * row of the gradient reads it along the depth. Null where that costs more than panels save: with few columns, which share what
   * is transposed, and with few rows, which share a panel.
   */
  #gradientPanels({ dy, x, dw }: { dy: Columns; x: Columns; dw: Binding }, options: MatmulOptions) {
    const { lanes } = this.#kernels.matmul;
    const room = this.#room.gradients;
    const { input, output, over } = options;
    if (!lanes || !room || input < 16 * lanes || !suitsPanels(output)) return null;
    const numbers = Math.min(room.across.size, room.partials.size) / 4;
    // Slices begin where a binding may.
    const most = Math.floor(numbers / Math.max(input, room.rows) / 64) * 64;
    if (most === 0) return null;
    const columns = Math.ceil(input / (4 * lanes));
    let before: Dispatch | null = null;
    for (let first = 0; first < output; first += most) {
      const rows = Math.min(most, output - first);
      const slice = { ...dy, at: dy.at + first };
      const call = callOf(x, slice, { ...options, output: rows });
      const transposed: Dispatch = this.#kernels.dispatch('transpose', {
        call,
        bindings: [this.#batch, dy.of, room.across],
        workgroups: (sizes) =>
          suitsPanels(sizes[over]) ? [Math.ceil(sizes[over] / 4 / 8), Math.ceil(rows / 4 / 8)] : [0],
        ...(before ? { before } : {}),
      });
      const offset = (dw.offset ?? 0) + 4 * first * input;
      before = this.#kernels.dispatch('matmul-backward-weight', {
        call,
        bindings: [this.#batch, room.across, x.of, { buffer: dw.buffer, offset, size: 4 * rows * input }],
        variant: panelVariant(['panel-backward-weight'], lanes, gradientPanel, 'several'),
        more: [room.partials],
        before: transposed,
        workgroups: (sizes) => (suitsPanels(sizes[over]) ? [panelGroups(rows, columns), columns] : [0]),
      });
    }
    return before;
  }

  #times(w: Weight, from: Columns, to: Columns): Pick<KernelCall, 'stored' | 'bindings'> {
    return { stored: w.format, bindings: [this.#batch, from.of, w.of, to.of] };
  }

  /**
   * A matmul in subgroups; null where the family is another. Few rows are taken in tiles, the last ones in a smaller
   * one where they are few; many go down panels. All give a row the same bits.
   */
  #inSubgroups(
    kernel: string,
    factors: { file: string; call: Omit<KernelCall, 'workgroups'>; columns: number; depth: number },
    options: MatmulOptions,
  ): Dispatch | null {
    const { lanes } = this.#kernels.matmul;
    if (!lanes) return null;
    const { over } = options;
    const { file, call, depth } = factors;
    const columns = Math.ceil(factors.columns / (4 * lanes));
    const { whole } = subgroupRows;
    const panel = this.#panel(factors, options);
    /** The rows that tiles take. */
    const tiled = (sizes: BatchSizes) => (panel && suitsPanels(sizes[over]) ? 0 : sizes[over]);
    const tiles = this.#kernels.dispatch(kernel, {
      ...{ ...call, variant: subgroupTile(file, lanes, 'whole') },
      workgroups: (sizes) => {
        const rows = tiled(sizes);
        return [hasRest(rows) ? Math.floor(rows / whole) : Math.ceil(rows / whole), columns];
      },
      before: this.#kernels.dispatch(kernel, {
        ...{ ...call, variant: subgroupTile(file, lanes, 'rest') },
        workgroups: (sizes) => [hasRest(tiled(sizes)) ? 1 : 0, columns],
      }),
    });
    if (!panel) return tiles;
    return this.#kernels.dispatch(kernel, {
      ...{
        ...call,
        variant: panelVariant([file], lanes, panel, depth > panel ? 'several' : 'one'),
        before: tiles,
      },
      workgroups: ({ [over]: rows }) => [suitsPanels(rows) ? panelGroups(rows, columns) : 0, columns],
    });
  }

  /** How deep the panels of a matmul are; null where it is for tiles alone. */
  #panel(
    { columns, depth }: { columns: number; depth: number },
    { scale = 1, add = false }: MatmulOptions,
  ): number | null {
    const { lanes } = this.#kernels.matmul;
    if (!lanes || columns < 4 * lanes) return null;
    const deep = panelDepth(depth, lanes);
    // What several panels come to lies in the result meanwhile.
    return deep && (depth <= deep || (scale === 1 && !add)) ? deep : null;
  }

  /**
   * What puts a matmul on subgroup matrices; null where it is not for them: they take those with bf16
   * weights. Packed ones have more digits than f16, and go through workgroup memory as those in f32 do, to the same bits.
   */
  #onUnits(
    file: string,
    w: Weight,
    { left, depth, columns }: { left: Columns; depth: number; columns: number },
    { over }: MatmulOptions,
  ): Pick<KernelCall, 'variant' | 'more' | 'before' | 'workgroups'> | null {
    const { matmul, adapter } = this.#kernels;
    const { unit, precision } = matmul;
    const scales = this.#room.rowScales;
    if (unit === null || !scales || w.format !== 'bf16') return null;
    const tile = matrixTile(unit);
    return {
      variant: matrixVariant(file, unit, { software: adapter.software, precision }),
      more: [scales],
      before: this.#kernels.dispatch('matrix-scales', {
        variant: scalesVariant(this.#kernels.adapter),
        call: [depth / 4, left.stride / 4, left.at / 4, Number(over === 'targets')],
        bindings: [this.#batch, left.of, scales],
        workgroups: (sizes) => inTwoDimensions(sizes[over]),
      }),
      workgroups: (sizes) => [Math.ceil(columns / tile.columns), Math.ceil(sizes[over] / tile.rows)],
    };
  }

  get #inRegisters(): boolean {
    return this.#kernels.matmul.family === 'registers';
  }

  /** f16 is for matmuls with frozen weights, and forward: gradients would vanish in it. */
  #tile(file: string, weight?: Weight): Variant {
    const { adapter, matmul } = this.#kernels;
    const { software } = adapter;
    return tileVariant(file, { software, half: matmul.precision === 'f16' && weight?.format === 'bf16' });
  }
}

/** Whether so many rows go down panels, or so deep a weight's gradient is worth them. */
function suitsPanels(rows: number): boolean {
  return rows >= panelRows.from;
}

/** In how many parts rows go down panels: as few as may be, as each reads the panel, but enough for several cores. */
function panelGroups(rows: number, columns: number): number {
  const { from, most } = panelRows;
  return Math.max(Math.ceil(rows / most), Math.min(Math.floor(rows / from), Math.ceil(8 / columns)));
}

/** A whole matrix of this width. */
export function whole(of: GPUBuffer | Binding, width: number): Columns {
  return { of, stride: width, at: 0 };
}

/** The `MatmulCall` of shape.ts: x is (M, input), y is (M, output), or their gradients. */
function callOf(x: Columns, y: Columns, { input, output, over, scale = 1, add }: MatmulOptions): number[] {
  return [
    ...[input / 4, output / 4, x.stride / 4, x.at / 4, y.stride / 4, y.at / 4],
    ...[Number(over === 'targets'), Number(add ?? false), float(scale)],
  ];
}

/** Workgroups of 8 x 8 tiles, each of `rows` rows and 4 columns. */
function tiles(columns: number, rows: number, { over }: MatmulOptions): KernelCall['workgroups'] {
  return (sizes) => [Math.ceil(columns / 32), Math.ceil(sizes[over] / (8 * rows))];
}

/** Workgroups of a tile of 64 rows and columns each. */
function squares(columns: number, { over }: MatmulOptions): KernelCall['workgroups'] {
  return (sizes) => [Math.ceil(columns / 64), Math.ceil(sizes[over] / 64)];
}
