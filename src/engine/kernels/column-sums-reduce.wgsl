// Second pass: gradient (WIDTH) += the chunks' partial sums, in order.
struct Call {
  width: u32,
  at: u32,  // of the first gradient
}
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> partial: array<f32>;         // (chunks, WIDTH)
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(3) var<uniform> call: Call;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= call.width) { return; }
  var sum = 0f;
  for (var chunk = 0u; chunk < batch.chunks; chunk++) {
    sum += partial[chunk * call.width + id.x];
  }
  gradient[call.at + id.x] += sum;
}
