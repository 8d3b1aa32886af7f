// A matmul for software adapters, where reading a number costs as much as ten multiplications: a subgroup of
// SUBGROUP lanes is a workgroup and has a tile of 16 rows. Each lane has 4 of its columns, for all rows, in
// registers. Of the left factor each lane reads other numbers than its neighbors, and all lanes then use them
// by broadcast. Sums go over the depth in order, with fma: a number of the result depends on its row and
// column alone, not on how many there are, and repeats to the bit. Follows the same files as tile.wgsl.
const ROWS = 16u;

@compute @workgroup_size(SUBGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let size = extent();
  let row = group.y * ROWS;
  let column4 = group.x * SUBGROUP + lane;
  var sums: array<vec4f, ROWS>;
  for (var depth4 = 0u; 4 * depth4 < size.z; depth4++) {
    let b = rightBlock(column4, depth4);
    for (var first = 0u; first < ROWS; first += SUBGROUP) {
      let a = ofLanes(leftPart(row, depth4, first + lane));
      for (var i = 0u; i < SUBGROUP; i++) {
        if (LEFT_ALONG_DEPTH) {
          // A row at four depths.
          let m = first + i;
          sums[m] = fma(a[i].wwww, b[3], fma(a[i].zzzz, b[2], fma(a[i].yyyy, b[1], fma(a[i].xxxx, b[0], sums[m]))));
        } else {
          // Four rows at a depth.
          let m = 4 * ((first + i) % 4);
          let weights = b[(first + i) / 4];
          sums[m] = fma(a[i].xxxx, weights, sums[m]);
          sums[m + 1] = fma(a[i].yyyy, weights, sums[m + 1]);
          sums[m + 2] = fma(a[i].zzzz, weights, sums[m + 2]);
          sums[m + 3] = fma(a[i].wwww, weights, sums[m + 3]);
        }
      }
    }
  }
  if (column4 >= size.y) { return; }
  for (var m = 0u; m < ROWS; m++) {
    if (row + m < size.x) { put(row + m, column4, sums[m]); }
  }
}

// The part with this number, of 16, of the rows at four depths.
fn leftPart(row: u32, depth4: u32, part: u32) -> vec4f {
  if (LEFT_ALONG_DEPTH) { return left(row + part, depth4); }
  return left(4 * depth4 + part / 4, row / 4 + part % 4);
}

// A lane's 4 columns at four depths: a vec4 of columns for each.
fn rightBlock(column4: u32, depth4: u32) -> mat4x4f {
  if (RIGHT_ALONG_DEPTH) {
    let line = 4 * column4;
    return transpose(mat4x4f(right(line, depth4), right(line + 1, depth4), right(line + 2, depth4), right(line + 3, depth4)));
  }
  let line = 4 * depth4;
  return mat4x4f(right(line, column4), right(line + 1, column4), right(line + 2, column4), right(line + 3, column4));
}
