// Second pass: norm[0] = square root of the sum of all partial sums, in order.
struct Call {
  count: u32,
}
@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> norm: array<f32>;
@group(0) @binding(2) var<uniform> call: Call;

fn rows() -> u32 { return 1; }

fn ofRow(row: u32, lane: u32) {
  var sum = 0f;
  for (var i = lane; i < call.count; i += LANES) {
    sum += partial[i];
  }
  sum = rowSum(sum, lane);
  if (lane == 0) { norm[0] = sqrt(sum); }
}
