/** The gated unit of the feed-forward: f(gate) * up. */
import type { DecoderConfig } from '../config.ts';

type Activation = DecoderConfig['activation'];

interface Curve {
  at(x: number): number;
  slope(x: number): number;
}

const root = Math.sqrt(2 / Math.PI);
const cubic = 0.044715;

const curves: Readonly<Record<Activation, Curve>> = {
  /** The tanh form of GELU (arXiv 1606.08415, section 2). */
  gelu: {
    at: (x) => 0.5 * x * (1 + Math.tanh(root * (x + cubic * x * x * x))),
    slope: (x) => {
      const t = Math.tanh(root * (x + cubic * x * x * x));
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * root * (1 + 3 * cubic * x * x);
    },
  },
  silu: {
    at: (x) => x / (1 + Math.exp(-x)),
    slope: (x) => {
      const s = 1 / (1 + Math.exp(-x));
      return s * (1 + x * (1 - s));
    },
  },
};

/** gate, up (any shape, the same) -> f(gate) * up. */
export function gated(gate: Float64Array, up: Float64Array, activation: Activation): Float64Array {
  const f = curves[activation];
  return gate.map((x, i) => f.at(x) * up[i]);
}

export function gatedBackward(
  dOut: Float64Array,
  { gate, up }: { readonly gate: Float64Array; readonly up: Float64Array },
  activation: Activation,
): { readonly dGate: Float64Array; readonly dUp: Float64Array } {
  const f = curves[activation];
  return {
    dGate: dOut.map((dy, i) => dy * up[i] * f.slope(gate[i])),
    dUp: dOut.map((dy, i) => dy * f.at(gate[i])),
  };
}
