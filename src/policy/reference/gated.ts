/** The gated unit of the MLP: gelu(gate) * up, with the tanh form of GELU (arXiv 1606.08415, section 2). */

const root = Math.sqrt(2 / Math.PI);
const cubic = 0.044715;

/** gate, up (any shape, the same) -> gelu(gate) * up. */
export function gated(gate: Float64Array, up: Float64Array): Float64Array {
  return gate.map((x, i) => 0.5 * x * (1 + Math.tanh(root * (x + cubic * x * x * x))) * up[i]);
}

export function gatedBackward(
  dOut: Float64Array,
  gate: Float64Array,
  up: Float64Array,
): { readonly dGate: Float64Array; readonly dUp: Float64Array } {
  const dGate = new Float64Array(gate.length);
  const dUp = new Float64Array(gate.length);
  for (let i = 0; i < gate.length; i++) {
    const x = gate[i];
    const t = Math.tanh(root * (x + cubic * x * x * x));
    dUp[i] = dOut[i] * 0.5 * x * (1 + t);
    dGate[i] = dOut[i] * up[i] * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * root * (1 + 3 * cubic * x * x));
  }
  return { dGate, dUp };
}
