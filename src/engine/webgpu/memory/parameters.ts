/**
 * Where every tensor lies on the device. What one kernel reads together is a slab: queries, keys and values
 * of a layer; gate and up; all norms. A slab larger than the adapter binds is cut into pieces by rows.
 * Gradients and moments are laid out as the weights are. Nothing is allocated here: the memory plan reads
 * these tables too.
 */
import {
  type DecoderConfig,
  layerNorms,
  type Projection,
  projectionName,
  projectionShape,
} from '../../config.ts';
import type { EngineOptions, LoraShape } from '../../engine.ts';
import { adapterName } from '../../lora.ts';
import { blockNumbers } from '../../packed.ts';
import { type Blocks, paddingOf, projectionBlocks, wholeVectors } from '../padding.ts';
import { LINEARS, type LinearName, lowRankOf, paddedRank } from './linear-maps.ts';
import { isPacked, type NumberFormat, numberBytes } from './number-format.ts';

/**
 * A tensor in a slab, in numbers from the slab's start: `rows` rows of `columns`, `stride` apart where there is no
 * padding between them.
 */
export interface Place {
  readonly slab: string;
  readonly start: number;
  readonly rows: number;
  readonly columns: number;
  readonly stride: number;
  readonly rowBlocks: Blocks;
  readonly columnBlocks: Blocks;
}

/** Some rows of a slab, in one buffer. */
export interface Piece {
  readonly firstRow: number;
  readonly rows: number;
  /** Index of the buffer, and the byte at which the piece begins. */
  readonly buffer: number;
  readonly offset: number;
}

export interface Slab {
  readonly name: string;
  readonly format: NumberFormat;
  readonly rows: number;
  /** Numbers in a row. */
  readonly columns: number;
  readonly pieces: readonly Piece[];
}

export interface ParameterLayout {
  /** By Hugging Face (or PEFT) name, in the order of the forward pass. */
  readonly tensors: ReadonlyMap<string, Place>;
  readonly slabs: ReadonlyMap<string, Slab>;
  /** Bytes of each buffer. */
  readonly buffers: readonly number[];
  /** Numbers in all, with the gaps, which stay zero: gradients never reach them. */
  readonly length: number;
}

/** How frozen matrices are kept. */
type Frozen = NonNullable<EngineOptions['frozen']>;

/** What an adapter binds at once and holds in one buffer, in bytes. */
export interface BufferLimits {
  readonly largestBinding: number;
  readonly largestBuffer: number;
}

/** Bindings begin at multiples of 256 bytes, which every adapter allows. */
const alignment = 256;
/** Pieces of a slab have multiples of this many rows, so that they begin where a binding may. */
const pieceRows = 64;

/** Parts of a slab, one below the other; null is padding. */
interface Part {
  readonly tensor: string | null;
  /** Of the tensor; padding goes between its blocks. */
  readonly rows: number;
  readonly columns: number;
  readonly rowBlocks?: Blocks;
  readonly columnBlocks?: Blocks;
}

/** What a dimension takes on the device. */
function paddedSize(size: number, blocks: Blocks | undefined): number {
  return blocks === undefined ? size : (size / blocks.size) * blocks.padded;
}

class Layouter {
  readonly #limits: BufferLimits;
  readonly #tensors = new Map<string, Place>();
  readonly #slabs = new Map<string, Slab>();
  readonly #buffers: number[] = [];
  #length = 0;

  constructor(limits: BufferLimits) {
    this.#limits = limits;
  }

  /** `rows` and `columns` are rounded up from the parts'; what is between stays zero. */
  lay(
    name: string,
    parts: readonly Part[],
    options: { format?: NumberFormat; rows?: number; columns?: number } = {},
  ) {
    const { format = 'f32', columns = paddedSize(parts[0].columns, parts[0].columnBlocks) } = options;
    let rows = 0;
    for (const { tensor, rows: own, columns: width, rowBlocks, columnBlocks } of parts) {
      if (tensor !== null) {
        this.#tensors.set(tensor, {
          ...{ slab: name, start: rows * columns, rows: own, columns: width, stride: columns },
          rowBlocks: rowBlocks ?? { size: own, padded: own },
          columnBlocks: columnBlocks ?? { size: width, padded: width },
        });
      }
      rows += paddedSize(own, rowBlocks);
    }
    rows = Math.max(rows, options.rows ?? 0);
    const bytes = numberBytes[format] * columns;
    // What is packed is cut as it would be in f32: sums over pieces then go in the same order, to the same bits.
    const widest = isPacked(format) ? numberBytes.f32 * columns : bytes;
    const most = Math.floor(this.#limits.largestBinding / widest);
    const each = rows <= most ? rows : Math.max(1, Math.floor(most / pieceRows)) * pieceRows;
    const pieces: Piece[] = [];
    for (let firstRow = 0; firstRow < rows; firstRow += each) {
      const here = Math.min(each, rows - firstRow);
      pieces.push({ firstRow, rows: here, ...this.#place(here * bytes) });
    }
    this.#length += Math.ceil((rows * columns) / 64) * 64;
    this.#slabs.set(name, { name, format, rows, columns, pieces });
  }

  /** A second name for a slab. */
  alias(name: string, slab: string) {
    this.#slabs.set(name, this.#slabs.get(slab) as Slab);
  }

  layout(): ParameterLayout {
    return {
      tensors: this.#tensors,
      slabs: this.#slabs,
      buffers: this.#buffers.map(aligned),
      length: this.#length,
    };
  }

  /** The end of the last buffer, or the start of a new one. */
  #place(bytes: number): { buffer: number; offset: number } {
    const last = this.#buffers.length - 1;
    const offset = aligned(this.#buffers[last] ?? 0);
    if (last < 0 || offset + bytes > this.#limits.largestBuffer) {
      this.#buffers.push(bytes);
      return { buffer: last + 1, offset: 0 };
    }
    this.#buffers[last] = offset + bytes;
    return { buffer: last, offset };
  }
}

/** How the decoder's matrices are kept: what is trained is in f32. */
export function decoderFormat({
  lora = null,
  frozen = 'f32',
  training = true,
}: Pick<EngineOptions, 'lora' | 'frozen' | 'training'>): Frozen {
  return lora === null && training ? 'f32' : frozen;
}

/**
 * The decoder's own weights. `matrices` is how projections, embedding and head are kept; vectors are always
 * f32, and so is a slab of which not all tensors are packed in one way.
 */
export function layoutDecoder(
  config: DecoderConfig,
  limits: BufferLimits,
  matrices: Frozen = 'f32',
): ParameterLayout {
  const to = new Layouter(limits);
  const layers = Array.from({ length: config.layers }, (_, layer) => layer);
  // Tiles of the head have 4 rows, so its last tile may reach beyond the vocabulary.
  const rows = wholeVectors(config.vocabSize);
  const padding = paddingOf(config);
  const table = (tensor: string) => [
    { tensor, rows: config.vocabSize, columns: config.hiddenSize, columnBlocks: padding.hidden },
  ];
  const vector = (tensor: string, columns: number, columnBlocks: Blocks) => ({
    ...{ tensor, rows: 1, columns, columnBlocks },
  });
  const layMatrix = (name: string, parts: readonly Part[], options: { rows?: number } = {}) =>
    to.lay(name, parts, { format: formatOf(parts, matrices), ...options });
  layMatrix('embed', table('model.embed_tokens.weight'), { rows });
  if (config.tiedHead) to.alias('head', 'embed');
  else layMatrix('head', table('lm_head.weight'), { rows });
  const { attention, afterAttention, feedForward, afterFeedForward } = layerNorms(config);
  const names = [attention, afterAttention, feedForward, afterFeedForward].filter((name) => name !== null);
  to.lay(
    'norms',
    [
      ...layers.flatMap((layer) => names.map((name) => `model.layers.${layer}.${name}.weight`)),
      'model.norm.weight',
    ].map((name) => vector(name, config.hiddenSize, padding.hidden)),
  );
  if (config.queryKeyNorms) {
    const names = layers.flatMap((layer) =>
      ['q', 'k'].map((kind) => `model.layers.${layer}.self_attn.${kind}_norm.weight`),
    );
    to.lay(
      'headNorms',
      names.map((name) => vector(name, config.headSize, padding.halfHead)),
    );
  }
  for (const layer of layers) {
    for (const [linear, projections] of LINEARS) {
      const parts = projections.map((projection) => part(config, layer, projection));
      layMatrix(`${linear}.${layer}`, parts);
      if (!config.biases.includes(projections[0])) continue;
      // As a column: one row of a bias is one number, so that the parts lie end to end.
      const biases = projections.map((projection) => ({
        tensor: `${projectionName(layer, projection)}.bias`,
        rows: projectionShape(config, projection)[0],
        columns: 1,
        rowBlocks: projectionBlocks(padding, projection).output,
      }));
      to.lay(`${linear}.${layer}.bias`, biases);
    }
  }
  return to.layout();
}

/** Of a slab of these parts; blocks have no padding in them. */
function formatOf(parts: readonly Part[], frozen: Frozen): NumberFormat {
  if (typeof frozen === 'string') return frozen;
  const formats = new Set(parts.map(({ tensor }) => frozen.get(tensor ?? '')));
  const [format = 'f32'] = formats;
  const whole = parts.every(
    ({ rows, columns, rowBlocks, columnBlocks }) =>
      columns % blockNumbers === 0 &&
      paddedSize(columns, columnBlocks) === columns &&
      paddedSize(rows, rowBlocks) === rows,
  );
  return formats.size === 1 && whole ? format : 'f32';
}

function part(config: DecoderConfig, layer: number, projection: Projection): Part {
  const [rows, columns] = projectionShape(config, projection);
  const { output: rowBlocks, input: columnBlocks } = projectionBlocks(paddingOf(config), projection);
  const tensor = `${projectionName(layer, projection)}.weight`;
  return { tensor, rows, columns, rowBlocks, columnBlocks };
}

/**
 * The adapters: for each linear map its A matrices one below the other, `qkv.3.A`, and a B for each
 * projection, `q_proj.3.B`. Ranks are padded to multiples of 4 by zeros, which stay zero: each of the two is
 * the other's gradient's factor.
 */
export function layoutAdapters(
  config: DecoderConfig,
  lora: LoraShape,
  limits: BufferLimits,
): ParameterLayout {
  const to = new Layouter(limits);
  const rank = paddedRank(lora);
  for (let layer = 0; layer < config.layers; layer++) {
    for (const linear of LINEARS.keys()) {
      const targets = lowRankOf(linear, lora);
      if (targets.length === 0) continue;
      layA(to, config, { layer, linear, targets, lora });
      for (const projection of targets) {
        const [rows] = projectionShape(config, projection);
        const rowBlocks = projectionBlocks(paddingOf(config), projection).output;
        const b = { tensor: adapterName(layer, projection, 'B'), rows, columns: lora.rank, rowBlocks };
        to.lay(`${projection}.${layer}.B`, [b], { columns: rank });
      }
    }
  }
  return to.layout();
}

function layA(
  to: Layouter,
  config: DecoderConfig,
  of: { layer: number; linear: LinearName; targets: readonly Projection[]; lora: LoraShape },
): void {
  const padding = paddedRank(of.lora) - of.lora.rank;
  const parts = of.targets.flatMap((projection) => {
    const columns = projectionShape(config, projection)[1];
    const columnBlocks = projectionBlocks(paddingOf(config), projection).input;
    const a = { tensor: adapterName(of.layer, projection, 'A'), rows: of.lora.rank, columns, columnBlocks };
    return [a, { tensor: null, rows: padding, columns }];
  });
  to.lay(`${of.linear}.${of.layer}.A`, parts);
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
