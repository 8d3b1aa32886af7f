// inner (N, INTERMEDIATE) = activation(gate) * up, from the joint projection (N, 2 * INTERMEDIATE): gate,
// then up.
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> gateUp: array<vec4f>;         // (N, 2 * INTERMEDIATE)
@group(0) @binding(2) var<storage, read_write> inner: array<vec4f>;    // (N, INTERMEDIATE)

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= INTERMEDIATE4 || id.y >= batch.tokens) { return; }
  let at = id.y * 2 * INTERMEDIATE4 + id.x;
  let gate = gateUp[at];
  let up = gateUp[at + INTERMEDIATE4];
  if (SILU) {
    inner[id.y * INTERMEDIATE4 + id.x] = gate * sigmoid(gate) * up;
  } else {
    inner[id.y * INTERMEDIATE4 + id.x] = 0.5 * gate * (1 + bend(gate)) * up;
  }
}
