// Second pass: norm[0] = square root of the sum of all partial sums, in order.
struct Call {
  count: u32,
}
@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> norm: array<f32>;
@group(0) @binding(2) var<uniform> call: Call;

@compute @workgroup_size(1)
fn main() {
  var sum = 0f;
  for (var i = 0u; i < call.count; i++) {
    sum += partial[i];
  }
  norm[0] = sqrt(sum);
}
