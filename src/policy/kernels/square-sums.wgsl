// First of two ordered passes for the gradient's norm: partial[i] = sum of squares of the i-th run of RUN numbers.
@group(0) @binding(0) var<storage, read> gradient: array<f32>;
@group(0) @binding(1) var<storage, read_write> partial: array<f32>;

override LENGTH: u32;
override RUN: u32;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let end = min((id.x + 1) * RUN, LENGTH);
  if (id.x * RUN >= end) { return; }
  var sum = 0f;
  for (var i = id.x * RUN; i < end; i++) {
    sum += gradient[i] * gradient[i];
  }
  partial[id.x] = sum;
}
