// First of two ordered passes for the gradient's norm: partial[first + i] = sum of squares of the i-th run of
// `run` numbers.
struct Call {
  length: u32,
  run: u32,
  first: u32,
}
@group(0) @binding(0) var<storage, read> gradient: array<f32>;
@group(0) @binding(1) var<storage, read_write> partial: array<f32>;
@group(0) @binding(2) var<uniform> call: Call;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let end = min((id.x + 1) * call.run, call.length);
  if (id.x * call.run >= end) { return; }
  var sum = 0f;
  for (var i = id.x * call.run; i < end; i++) {
    sum += gradient[i] * gradient[i];
  }
  partial[call.first + id.x] = sum;
}
