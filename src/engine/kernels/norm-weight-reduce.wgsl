// Second pass: gradient (norms, HIDDEN) += the chunks' partial sums, in order. All norms in one dispatch.
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> partial: array<f32>;         // (norms, chunks, HIDDEN)
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;  // (norms, HIDDEN)

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= HIDDEN || id.y >= NORMS) { return; }
  var sum = 0f;
  for (var chunk = 0u; chunk < batch.chunks; chunk++) {
    sum += partial[(id.y * batch.chunks + chunk) * HIDDEN + id.x];
  }
  gradient[id.y * HIDDEN + id.x] += sum;
}
