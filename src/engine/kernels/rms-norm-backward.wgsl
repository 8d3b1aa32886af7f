// dx += the gradient of rms-norm.wgsl at x, given dy. With g = dy * (NORM_OFFSET + w):
//   dx += rstd * (g - x * rstd^2 * mean(g * x))
struct Call {
  norm: u32,
}
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> norms: array<vec4f>;      // (norms, HIDDEN)
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;         // (N, HIDDEN)
@group(0) @binding(3) var<storage, read> x: array<vec4f>;          // (N, HIDDEN)
@group(0) @binding(4) var<storage, read> rstd: array<f32>;         // (N)
@group(0) @binding(5) var<storage, read_write> dx: array<vec4f>;   // (N, HIDDEN)
@group(0) @binding(6) var<uniform> call: Call;

fn rows() -> u32 { return batch.tokens; }

fn ofRow(n: u32, lane: u32) {
  let columns = HIDDEN4 + batch.zero;
  var product = 0f;
  for (var c = lane; c < columns; c += LANES) {
    product += dot(dy[n * HIDDEN4 + c] * (NORM_OFFSET + norms[call.norm * HIDDEN4 + c]), x[n * HIDDEN4 + c]);
  }
  let scale = rstd[n];
  let inward = rowSum(product, lane) / f32(NORMED) * scale * scale;
  for (var c = lane; c < columns; c += LANES) {
    let i = n * HIDDEN4 + c;
    dx[i] += scale * (dy[i] * (NORM_OFFSET + norms[call.norm * HIDDEN4 + c]) - x[i] * inward);
  }
}
