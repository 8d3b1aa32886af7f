// The gradient of add-norm.wgsl. `stream` holds the gradient that reaches `total` along the residual stream;
// it gains what comes back through the next norm and is then the gradient of x as well. dbranch is what goes
// back through the branch's norm; without POST_NORMS the stream itself.
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;                // (N, HIDDEN)
@group(0) @binding(3) var<storage, read> total: array<vec4f>;             // (N, HIDDEN)
@group(0) @binding(4) var<storage, read> branch: array<vec4f>;            // (N, HIDDEN)
@group(0) @binding(5) var<storage, read> branchRstd: array<f32>;          // (N)
@group(0) @binding(6) var<storage, read> nextRstd: array<f32>;            // (N)
@group(0) @binding(7) var<storage, read_write> stream: array<vec4f>;      // (N, HIDDEN)
@group(0) @binding(8) var<storage, read_write> dbranch: array<vec4f>;     // (N, HIDDEN)
@group(0) @binding(9) var<uniform> call: Call;

fn rows() -> u32 { return batch.tokens; }

fn ofRow(n: u32, lane: u32) {
  let columns = HIDDEN4 + batch.zero;
  let row = n * HIDDEN4;
  var product = 0f;
  for (var c = lane; c < columns; c += LANES) {
    product += dot(dy[row + c] * (NORM_OFFSET + norms[call.nextNorm * HIDDEN4 + c]), total[row + c]);
  }
  let nextScale = nextRstd[n];
  var inward = rowSum(product, lane) / f32(NORMED) * nextScale * nextScale;
  if (!POST_NORMS) {
    for (var c = lane; c < columns; c += LANES) {
      let i = row + c;
      let value = stream[i] + nextScale * (dy[i] * (NORM_OFFSET + norms[call.nextNorm * HIDDEN4 + c]) - total[i] * inward);
      stream[i] = value;
      dbranch[i] = value;
    }
    return;
  }
  product = 0;
  for (var c = lane; c < columns; c += LANES) {
    let i = row + c;
    let value = stream[i] + nextScale * (dy[i] * (NORM_OFFSET + norms[call.nextNorm * HIDDEN4 + c]) - total[i] * inward);
    stream[i] = value;
    product += dot(value * (NORM_OFFSET + norms[call.branchNorm * HIDDEN4 + c]), branch[i]);
  }
  let branchScale = branchRstd[n];
  inward = rowSum(product, lane) / f32(NORMED) * branchScale * branchScale;
  for (var c = lane; c < columns; c += LANES) {
    let i = row + c;
    dbranch[i] = branchScale * (stream[i] * (NORM_OFFSET + norms[call.branchNorm * HIDDEN4 + c]) - branch[i] * inward);
  }
}
