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

fn rows() -> u32 { return (call.length + call.run - 1) / call.run; }

fn ofRow(i: u32, lane: u32) {
  let end = min((i + 1) * call.run, call.length);
  var sum = 0f;
  for (var at = i * call.run + lane; at < end; at += LANES) {
    sum += gradient[at] * gradient[at];
  }
  sum = rowSum(sum, lane);
  if (lane == 0) { partial[call.first + i] = sum; }
}
