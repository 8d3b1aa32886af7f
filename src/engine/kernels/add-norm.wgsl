// A branch (attention or feed-forward) joins the residual stream, and the next branch gets its input:
//   total = x + norm(branch, branchNorm);  y = norm(total, nextNorm)
// Without POST_NORMS the branch joins as it is.
// One pass over the token instead of three.
@group(0) @binding(2) var<storage, read> x: array<vec4f>;                 // (N, HIDDEN)
@group(0) @binding(3) var<storage, read> branch: array<vec4f>;            // (N, HIDDEN)
@group(0) @binding(4) var<storage, read_write> total: array<vec4f>;       // (N, HIDDEN) x plus the normed branch
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;           // (N, HIDDEN)
@group(0) @binding(6) var<storage, read_write> branchRstd: array<f32>;    // (N)
@group(0) @binding(7) var<storage, read_write> nextRstd: array<f32>;      // (N)
@group(0) @binding(8) var<uniform> call: Call;

fn rows() -> u32 { return batch.tokens; }

fn ofRow(n: u32, lane: u32) {
  let columns = HIDDEN4 + batch.zero;
  let row = n * HIDDEN4;
  var squares = 0f;
  if (POST_NORMS) {
    for (var c = lane; c < columns; c += LANES) {
      squares += dot(branch[row + c], branch[row + c]);
    }
    let branchScale = 1 / sqrt(rowSum(squares, lane) / f32(NORMED) + EPSILON);
    if (lane == 0) { branchRstd[n] = branchScale; }
    squares = 0;
    for (var c = lane; c < columns; c += LANES) {
      let value = x[row + c] + branch[row + c] * branchScale * (NORM_OFFSET + norms[call.branchNorm * HIDDEN4 + c]);
      total[row + c] = value;
      squares += dot(value, value);
    }
  } else {
    if (lane == 0) { branchRstd[n] = 1; }
    for (var c = lane; c < columns; c += LANES) {
      let value = x[row + c] + branch[row + c];
      total[row + c] = value;
      squares += dot(value, value);
    }
  }
  let nextScale = 1 / sqrt(rowSum(squares, lane) / f32(NORMED) + EPSILON);
  for (var c = lane; c < columns; c += LANES) {
    y[row + c] = total[row + c] * nextScale * (NORM_OFFSET + norms[call.nextNorm * HIDDEN4 + c]);
  }
  if (lane == 0) { nextRstd[n] = nextScale; }
}
