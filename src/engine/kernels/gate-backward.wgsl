// The gradient of gate.wgsl.
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> gateUp: array<vec4f>;         // (N, 2 * INTERMEDIATE)
@group(0) @binding(2) var<storage, read> dinner: array<vec4f>;         // (N, INTERMEDIATE)
@group(0) @binding(3) var<storage, read_write> dgateUp: array<vec4f>;  // (N, 2 * INTERMEDIATE)

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= INTERMEDIATE4 || id.y >= batch.tokens) { return; }
  let at = id.y * 2 * INTERMEDIATE4 + id.x;
  let gate = gateUp[at];
  let d = dinner[id.y * INTERMEDIATE4 + id.x];
  if (SILU) {
    let bent = sigmoid(gate);
    dgateUp[at] = d * gateUp[at + INTERMEDIATE4] * bent * (1 + gate * (1 - bent));
    dgateUp[at + INTERMEDIATE4] = d * gate * bent;
  } else {
    let bent = bend(gate);
    let slope = 0.5 * (1 + bent) + 0.5 * gate * (1 - bent * bent) * 0.7978845608 * (1 + 0.134145 * gate * gate);
    dgateUp[at] = d * gateUp[at + INTERMEDIATE4] * slope;
    dgateUp[at + INTERMEDIATE4] = d * 0.5 * gate * (1 + bent);
  }
}
