// inner (N, INTERMEDIATE) = gelu(gate) * up, from the joint projection (N, 2 * INTERMEDIATE): gate, then up.
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> gateUp: array<vec4f>;         // (N, 2 * INTERMEDIATE)
@group(0) @binding(2) var<storage, read_write> inner: array<vec4f>;    // (N, INTERMEDIATE)

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= INTERMEDIATE4 || id.y >= batch.tokens) { return; }
  let at = id.y * 2 * INTERMEDIATE4 + id.x;
  let gate = gateUp[at];
  let bent = bend(gate);
  inner[id.y * INTERMEDIATE4 + id.x] = 0.5 * gate * (1 + bent) * gateUp[at + INTERMEDIATE4];
}

// The tanh of the approximate GELU (arXiv 1606.08415); clamped, for drivers whose tanh overflows.
fn bend(x: vec4f) -> vec4f {
  return tanh(clamp(0.7978845608 * (x + 0.044715 * x * x * x), vec4f(-15), vec4f(15)));
}
