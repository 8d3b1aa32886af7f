// y = x * rstd * (NORM_OFFSET + w), with rstd = 1 / sqrt(mean(x^2) + EPSILON): RMSNorm (arXiv 1910.07467).
// One invocation per token; rstd is kept for the backward pass.
struct Call {
  norm: u32,
}
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> norms: array<vec4f>;      // (norms, HIDDEN) all norm weights
@group(0) @binding(2) var<storage, read> x: array<vec4f>;          // (N, HIDDEN)
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;    // (N, HIDDEN)
@group(0) @binding(4) var<storage, read_write> rstd: array<f32>;   // (N)
@group(0) @binding(5) var<uniform> call: Call;

fn ofToken(n: u32, columns: u32) {
  var squares = 0f;
  for (var c = 0u; c < columns; c++) {
    let value = x[n * HIDDEN4 + c];
    squares += dot(value, value);
  }
  let scale = 1 / sqrt(squares / f32(HIDDEN) + EPSILON);
  for (var c = 0u; c < columns; c++) {
    y[n * HIDDEN4 + c] = x[n * HIDDEN4 + c] * scale * (NORM_OFFSET + norms[call.norm * HIDDEN4 + c]);
  }
  rstd[n] = scale;
}
