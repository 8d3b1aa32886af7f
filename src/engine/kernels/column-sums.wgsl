// First of two ordered passes for the gradient of a bias: partial[chunk] (WIDTH) = sum of dy over the chunk's
// tokens. One invocation per column and chunk of NORM_CHUNK tokens.
struct Call {
  width: u32,
}
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> dy: array<f32>;              // (N, WIDTH)
@group(0) @binding(2) var<storage, read_write> partial: array<f32>;   // (chunks, WIDTH)
@group(0) @binding(3) var<uniform> call: Call;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= call.width) { return; }
  let end = min((id.y + 1) * NORM_CHUNK, batch.tokens);
  var sum = 0f;
  for (var n = id.y * NORM_CHUNK; n < end; n++) {
    sum += dy[n * call.width + id.x];
  }
  partial[id.y * call.width + id.x] = sum;
}
