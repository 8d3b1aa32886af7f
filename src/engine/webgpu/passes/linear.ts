/**
 * A layer's linear maps, forward and backward: the matmul with the weights (piece by piece where they are
 * sharded), the bias, and the adapters: y = W x + b + scale * B (A x). What is frozen gets no gradient.
 */
import type { LoraShape } from '../../engine.ts';
import type { DecoderParts } from '../decoder-parts.ts';
import { type Dispatch, type Kernels, perElement } from '../kernels.ts';
import { Matmul, type Weight, whole } from '../matmul/matmul.ts';
import {
  LINEARS,
  type LinearName,
  type LinearShape,
  linearShape,
  lowRankOf,
  paddedRank,
} from '../memory/linear-maps.ts';
import type { ParameterBuffers } from '../memory/parameter-buffers.ts';
import type { Plan } from '../memory/plan.ts';

type Bound<Names extends string> = Readonly<Record<Names, GPUBuffer>>;

/** Where gradients go: laid out as what is trained. */
export interface Gradients {
  readonly decoder: ParameterBuffers | null;
  readonly adapters: ParameterBuffers | null;
}

export class LinearMaps {
  readonly #kernels: Kernels;
  readonly #matmul: Matmul;
  readonly #plan: Plan;
  readonly #weights: ParameterBuffers;
  readonly #adapters: ParameterBuffers | null;
  readonly #lora: LoraShape | null;
  readonly #shapes: ReadonlyMap<LinearName, LinearShape>;

  constructor(parts: DecoderParts) {
    const { config, kernels, plan, weights, adapters } = parts;
    this.#kernels = kernels;
    this.#matmul = Matmul.over(parts);
    this.#plan = plan;
    this.#weights = weights;
    this.#adapters = adapters?.buffers ?? null;
    this.#lora = adapters?.lora ?? null;
    this.#shapes = new Map([...LINEARS.keys()].map((name) => [name, linearShape(config, name)]));
  }

  forward(linear: LinearName, layer: number, b: Bound<'x' | 'y'>): Dispatch[] {
    const { input, output } = this.#shape(linear);
    const [x, y] = [whole(b.x, input), whole(b.y, output)];
    const slab = this.#weights.slab(`${linear}.${layer}`);
    const over = 'tokens';
    const list = slab.pieces.map((piece) => {
      const w = { of: this.#weights.bind(slab, piece), format: slab.format };
      return this.#matmul.forward(
        { x, w, y: { ...y, at: piece.firstRow } },
        { input, output: piece.rows, over },
      );
    });
    if (this.#hasBias(linear, layer)) {
      list.push(
        this.#kernels.dispatch('add-bias', {
          call: [output / 4],
          bindings: [this.#plan.batch, this.#weights.bindWhole(`${linear}.${layer}.bias`), b.y],
          workgroups: perElement(output / 4),
        }),
      );
    }
    return [...list, ...this.#adaptersForward(linear, layer, b)];
  }

  /** Adds to the gradients of what is trained, and writes dx. */
  backward(linear: LinearName, layer: number, b: Bound<'dy' | 'x' | 'dx'>, to: Gradients): Dispatch[] {
    const { input, output } = this.#shape(linear);
    const [dy, x, dx] = [whole(b.dy, output), whole(b.x, input), whole(b.dx, input)];
    const slab = this.#weights.slab(`${linear}.${layer}`);
    const over = 'tokens';
    const list: Dispatch[] = [];
    for (const piece of slab.pieces) {
      const w = { of: this.#weights.bind(slab, piece), format: slab.format };
      const rows = { ...dy, at: piece.firstRow };
      const sizes = { input, output: piece.rows, over } as const;
      list.push(this.#matmul.backwardInput({ dy: rows, w, dx }, { ...sizes, add: piece.firstRow > 0 }));
      if (to.decoder) {
        const dw = to.decoder.bind(to.decoder.slab(slab.name), piece);
        list.push(this.#matmul.backwardWeight({ dy: rows, x, dw }, sizes));
      }
    }
    if (to.decoder && this.#hasBias(linear, layer)) {
      list.push(...this.#biasBackward(`${linear}.${layer}.bias`, output, b.dy, to.decoder));
    }
    return [...list, ...this.#adaptersBackward(linear, layer, b, to)];
  }

  /** low = x A^T for all adapters of the map at once, then y += scale * low B^T for each. */
  #adaptersForward(linear: LinearName, layer: number, b: Bound<'x' | 'y'>): Dispatch[] {
    const targets = lowRankOf(linear, this.#lora);
    if (!this.#adapters || !this.#lora || targets.length === 0) return [];
    const { input, output, parts } = this.#shape(linear);
    const rank = paddedRank(this.#lora);
    const { scale } = this.#lora;
    const low = whole(this.#plan.get(`${linear}Low`, layer), rank * targets.length);
    const over = 'tokens';
    const a = this.#adapter(`${linear}.${layer}.A`);
    const down = { input, output: low.stride, over } as const;
    const list = [this.#matmul.forward({ x: whole(b.x, input), w: a, y: low }, down)];
    for (const [n, projection] of targets.entries()) {
      const { first, outputs } = parts.get(projection) as { first: number; outputs: number };
      const w = this.#adapter(`${projection}.${layer}.B`);
      const y = { of: b.y, stride: output, at: first };
      const up = { input: rank, output: outputs, over, scale, add: true } as const;
      list.push(this.#matmul.forward({ x: { ...low, at: n * rank }, w, y }, up));
    }
    return list;
  }

  #adaptersBackward(
    linear: LinearName,
    layer: number,
    b: Bound<'dy' | 'x' | 'dx'>,
    to: Gradients,
  ): Dispatch[] {
    const targets = lowRankOf(linear, this.#lora);
    if (!to.adapters || !this.#lora || targets.length === 0) return [];
    const gradients = to.adapters;
    const { input, output, parts } = this.#shape(linear);
    const rank = paddedRank(this.#lora);
    const { scale } = this.#lora;
    const low = whole(this.#plan.get(`${linear}Low`, layer), rank * targets.length);
    const dlow = whole(this.#plan.get('dlow'), low.stride);
    const over = 'tokens';
    const list: Dispatch[] = [];
    for (const [n, projection] of targets.entries()) {
      const { first, outputs } = parts.get(projection) as { first: number; outputs: number };
      const name = `${projection}.${layer}.B`;
      const dy = { of: b.dy, stride: output, at: first };
      const up = { input: rank, output: outputs, over, scale } as const;
      const at = n * rank;
      const dw = gradients.bindWhole(name);
      list.push(
        this.#matmul.backwardInput({ dy, w: this.#adapter(name), dx: { ...dlow, at } }, up),
        this.#matmul.backwardWeight({ dy, x: { ...low, at }, dw }, up),
      );
    }
    const name = `${linear}.${layer}.A`;
    const down = { input, output: low.stride, over } as const;
    const [x, dx] = [whole(b.x, input), whole(b.dx, input)];
    list.push(
      this.#matmul.backwardWeight({ dy: dlow, x, dw: gradients.bindWhole(name) }, down),
      this.#matmul.backwardInput({ dy: dlow, w: this.#adapter(name), dx }, { ...down, add: true }),
    );
    return list;
  }

  #biasBackward(name: string, width: number, dy: GPUBuffer, gradients: ParameterBuffers): Dispatch[] {
    const { batch } = this.#plan;
    const partials = this.#plan.get('columnPartials');
    const columns = Math.ceil(width / 64);
    return [
      this.#kernels.dispatch('column-sums', {
        call: [width],
        bindings: [batch, dy, partials],
        workgroups: (sizes) => [columns, sizes.chunks],
      }),
      this.#kernels.dispatch('column-sums-reduce', {
        call: [width, 0],
        bindings: [batch, partials, gradients.bindWhole(name)],
        workgroups: () => [columns],
      }),
    ];
  }

  #adapter(name: string): Weight {
    if (!this.#adapters) throw new RangeError(`no adapter ${name}`);
    return { of: this.#adapters.bindWhole(name), format: this.#adapters.slab(name).format };
  }

  #hasBias(linear: LinearName, layer: number): boolean {
    return this.#weights.layout.slabs.has(`${linear}.${layer}.bias`);
  }

  #shape(linear: LinearName): LinearShape {
    const shape = this.#shapes.get(linear);
    if (!shape) throw new RangeError(`no linear map ${linear}`);
    return shape;
  }
}
