/**
 * Where each tensor lies in the one buffer that holds all weights (and, alike, gradients and moments). What one
 * kernel reads together lies together: queries, keys and values of a layer; gate and up; all norms.
 */
import type { Binding } from '../../device/buffers.ts';
import type { DecoderConfig, TensorShapes } from '../config.ts';
import type { Tensors } from '../engine.ts';

/** In numbers, not bytes. */
export interface Extent {
  readonly start: number;
  readonly length: number;
}

export interface ParameterLayout {
  /** Numbers in all, with the gaps. */
  readonly length: number;
  /** By Hugging Face name. */
  readonly tensors: ReadonlyMap<string, Extent>;
  /** What kernels bind: `embed`, `head`, `norms`, and `qkv.N`, `o.N`, `gateUp.N`, `down.N` for layer N. */
  readonly slabs: ReadonlyMap<string, Extent>;
}

/** Bindings begin at multiples of 256 bytes, which every adapter allows. */
const alignment = 64;

export function layoutParameters(config: DecoderConfig, shapes: TensorShapes): ParameterLayout {
  const tensors = new Map<string, Extent>();
  const slabs = new Map<string, Extent>();
  let end = 0;
  const lay = (slab: string, names: readonly string[], roundTo = 1) => {
    const start = Math.ceil(end / alignment) * alignment;
    end = start;
    for (const name of names) {
      const length = (shapes.get(name) ?? []).reduce((product, n) => product * n, 1);
      tensors.set(name, { start: end, length });
      end += length;
    }
    // Gaps stay zero: gradients never reach them.
    end = start + Math.ceil((end - start) / roundTo) * roundTo;
    slabs.set(slab, { start, length: end - start });
  };
  // Tiles of the head have 4 rows, so its last tile may reach beyond the vocabulary.
  lay('embed', ['model.embed_tokens.weight'], 4 * config.hiddenSize);
  slabs.set('head', slabs.get('embed') as Extent);
  if (!config.tiedHead) lay('head', ['lm_head.weight'], 4 * config.hiddenSize);
  const layers = Array.from({ length: config.layers }, (_, layer) => `model.layers.${layer}`);
  lay('norms', [
    ...layers.flatMap((layer) => [
      `${layer}.input_layernorm.weight`,
      `${layer}.post_attention_layernorm.weight`,
      `${layer}.pre_feedforward_layernorm.weight`,
      `${layer}.post_feedforward_layernorm.weight`,
    ]),
    'model.norm.weight',
  ]);
  for (const [n, layer] of layers.entries()) {
    lay(
      `qkv.${n}`,
      ['q', 'k', 'v'].map((projection) => `${layer}.self_attn.${projection}_proj.weight`),
    );
    lay(`o.${n}`, [`${layer}.self_attn.o_proj.weight`]);
    lay(`gateUp.${n}`, [`${layer}.mlp.gate_proj.weight`, `${layer}.mlp.up_proj.weight`]);
    lay(`down.${n}`, [`${layer}.mlp.down_proj.weight`]);
  }
  return { length: Math.ceil(end / alignment) * alignment, tensors, slabs };
}

/** A slab, or rows of it, as a kernel binds it; `start` and `length` in numbers, within the slab. */
export function bindSlab(
  layout: ParameterLayout,
  buffer: GPUBuffer,
  slab: string,
  part: { readonly start: number; readonly length: number } | undefined = undefined,
): Binding {
  const extent = layout.slabs.get(slab);
  if (!extent) throw new RangeError(`no weights ${slab}`);
  return {
    buffer,
    offset: 4 * (extent.start + (part?.start ?? 0)),
    size: 4 * (part?.length ?? extent.length),
  };
}

/** All tensors in one array, as the buffers hold them. */
export function flatten(layout: ParameterLayout, tensors: Tensors): Float32Array<ArrayBuffer> {
  const flat = new Float32Array(layout.length);
  for (const [name, { start }] of layout.tensors) flat.set(tensors.get(name) ?? [], start);
  return flat;
}

/** The tensors again, each a copy, in the order of `names`. */
export function unflatten(layout: ParameterLayout, flat: Float32Array, names: Iterable<string>): Tensors {
  const tensors: Tensors = new Map();
  for (const name of names) {
    const extent = layout.tensors.get(name);
    if (extent) tensors.set(name, flat.slice(extent.start, extent.start + extent.length));
  }
  return tensors;
}
