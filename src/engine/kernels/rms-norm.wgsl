// y = x * rstd * (NORM_OFFSET + w), with rstd = 1 / sqrt(mean(x^2) + EPSILON): RMSNorm (arXiv 1910.07467).
// rstd is kept for the backward pass.
struct Call {
  norm: u32,
}
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> norms: array<vec4f>;      // (norms, HIDDEN) all norm weights
@group(0) @binding(2) var<storage, read> x: array<vec4f>;          // (N, HIDDEN)
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;    // (N, HIDDEN)
@group(0) @binding(4) var<storage, read_write> rstd: array<f32>;   // (N)
@group(0) @binding(5) var<uniform> call: Call;

fn rows() -> u32 { return batch.tokens; }

fn ofRow(n: u32, lane: u32) {
  let columns = HIDDEN4 + batch.zero;
  var squares = 0f;
  for (var c = lane; c < columns; c += LANES) {
    let value = x[n * HIDDEN4 + c];
    squares += dot(value, value);
  }
  let scale = 1 / sqrt(rowSum(squares, lane) / f32(NORMED) + EPSILON);
  for (var c = lane; c < columns; c += LANES) {
    y[n * HIDDEN4 + c] = x[n * HIDDEN4 + c] * scale * (NORM_OFFSET + norms[call.norm * HIDDEN4 + c]);
  }
  if (lane == 0) { rstd[n] = scale; }
}
