// y (N, WIDTH) += bias (WIDTH).
struct Call {
  width4: u32,
}
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> bias: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> call: Call;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= call.width4 || id.y >= batch.tokens) { return; }
  y[id.y * call.width4 + id.x] += bias[id.x];
}
