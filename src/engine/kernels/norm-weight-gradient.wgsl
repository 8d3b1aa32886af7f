// First of two ordered passes for the gradient of a norm's weight: partial[NORM, chunk] = sum over the
// chunk's tokens of dy * x * rstd. One invocation per four columns and chunk of NORM_CHUNK tokens.
struct Call {
  norm: u32,
}
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;            // (N, HIDDEN)
@group(0) @binding(2) var<storage, read> x: array<vec4f>;             // (N, HIDDEN)
@group(0) @binding(3) var<storage, read> rstd: array<f32>;           // (N)
@group(0) @binding(4) var<storage, read_write> partial: array<vec4f>;  // (norms, chunks, HIDDEN)
@group(0) @binding(5) var<uniform> call: Call;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= HIDDEN4) { return; }
  let end = min((id.y + 1) * NORM_CHUNK, batch.tokens);
  var sum = vec4f();
  for (var n = id.y * NORM_CHUNK; n < end; n++) {
    sum += dy[n * HIDDEN4 + id.x] * x[n * HIDDEN4 + id.x] * rstd[n];
  }
  partial[(call.norm * batch.chunks + id.y) * HIDDEN4 + id.x] = sum;
}
