/**
 * A linear map of a layer: y = W x, and where the decoder has them + bias, and + scale * B (A x) of an
 * adapter (LoRA, arXiv 2106.09685).
 */
import { type Projection, projectionName } from '../config.ts';
import { adapterName } from '../lora.ts';
import { addInto, linear, linearBackward } from './matmul.ts';
import { type AdaptedDecoder, tensor, type Weights } from './weights.ts';

interface Parts {
  readonly weight: string;
  readonly bias: string | null;
  readonly adapter: { readonly a: string; readonly b: string; readonly scale: number } | null;
}

/** The names of what a projection of a layer is made of. */
function partsOf(decoder: AdaptedDecoder, layer: number, projection: Projection): Parts {
  const name = projectionName(layer, projection);
  const lora = decoder.lora?.targets.includes(projection) ? decoder.lora : null;
  return {
    weight: `${name}.weight`,
    bias: decoder.biases.includes(projection) ? `${name}.bias` : null,
    adapter: lora && {
      a: adapterName(layer, projection, 'A'),
      b: adapterName(layer, projection, 'B'),
      scale: lora.scale,
    },
  };
}

/** x (n, in) -> y (n, out). */
export function project(
  x: Float64Array,
  weights: Weights,
  decoder: AdaptedDecoder,
  { layer, projection, n }: { readonly layer: number; readonly projection: Projection; readonly n: number },
): Float64Array<ArrayBuffer> {
  const { weight, bias, adapter } = partsOf(decoder, layer, projection);
  const y = linear(x, tensor(weights, weight), n);
  if (bias) addRows(y, tensor(weights, bias));
  if (adapter) {
    const low = linear(x, tensor(weights, adapter.a), n);
    addInto(y, scaled(linear(low, tensor(weights, adapter.b), n), adapter.scale));
  }
  return y;
}

/** Returns dx (n, in), and adds to the gradients of those tensors that have one. */
export function projectBackward(
  { dy, x }: { readonly dy: Float64Array; readonly x: Float64Array },
  { weights, gradients }: { readonly weights: Weights; readonly gradients: Weights },
  decoder: AdaptedDecoder,
  { layer, projection, n }: { readonly layer: number; readonly projection: Projection; readonly n: number },
): Float64Array<ArrayBuffer> {
  const { weight, bias, adapter } = partsOf(decoder, layer, projection);
  const back = (dy: Float64Array, x: Float64Array, name: string) =>
    linearBackward(dy, x, tensor(weights, name), gradients.get(name), n);
  const dx = back(dy, x, weight);
  const dBias = bias ? gradients.get(bias) : undefined;
  if (dBias) sumRowsInto(dBias, dy);
  if (adapter) {
    const low = linear(x, tensor(weights, adapter.a), n);
    const dLow = back(scaled(dy, adapter.scale), low, adapter.b);
    addInto(dx, back(dLow, x, adapter.a));
  }
  return dx;
}

function scaled(x: Float64Array, by: number): Float64Array {
  return x.map((value) => value * by);
}

function addRows(y: Float64Array, bias: Float64Array): void {
  for (let i = 0; i < y.length; i++) y[i] += bias[i % bias.length];
}

function sumRowsInto(sum: Float64Array, rows: Float64Array): void {
  for (let i = 0; i < rows.length; i++) sum[i % sum.length] += rows[i];
}
