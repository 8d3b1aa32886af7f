// As tile-forward.wgsl for few rows, where reading the weights is the work: 16 lanes read a row of w
// together, and each of 8 rows of x is multiplied with it. A lane sums every 16th vec4 of the depth, and the
// lanes' sums are added in order: a row of y does not depend on how many there are, nor on its place among
// them.

const LANES = 16u;
const ROWS = 8u;
// Of each lane, row and four outputs.
var<workgroup> parts: array<vec4f, LANES * ROWS * 8>;

@compute @workgroup_size(LANES, 8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) lane: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let count = rows();
  let first = group.x * ROWS;
  let n4 = group.y * 8 + lane.y;
  var sums: array<vec4f, ROWS>;
  if (n4 < call.out4) {
    let n = 4 * n4 * call.in4;
    // Beyond the last row is the last row again; those sums are thrown away.
    var at: array<u32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
      at[r] = min(first + r, count - 1) * call.xStride4 + call.xAt4;
    }
    for (var k = lane.x; k < call.in4; k += LANES) {
      // A vec4 of the four outputs at each depth.
      let weights = transpose(mat4x4f(
        stored(n + k), stored(n + call.in4 + k),
        stored(n + 2 * call.in4 + k), stored(n + 3 * call.in4 + k),
      ));
      for (var r = 0u; r < ROWS; r++) {
        let value = x[at[r] + k];
        let sum = fma(value.yyyy, weights[1], fma(value.xxxx, weights[0], sums[r]));
        sums[r] = fma(value.wwww, weights[3], fma(value.zzzz, weights[2], sum));
      }
    }
  }
  for (var r = 0u; r < ROWS; r++) {
    parts[(lane.y * ROWS + r) * LANES + lane.x] = sums[r];
  }
  workgroupBarrier();
  // 64 of the 128 lanes have a row and four outputs each.
  let m = first + index % ROWS;
  let out4 = group.y * 8 + index / ROWS;
  if (index >= 8 * ROWS || m >= count || out4 >= call.out4) { return; }
  let start = index * LANES;
  var total = parts[start];
  for (var i = 1u; i < steps(LANES); i++) {
    total += parts[start + i];
  }
  put(m, out4, total);
}
