// A matmul for software adapters, where reading a number costs as much as ten multiplications: a subgroup of
// SUBGROUP lanes is a workgroup and has a tile of ROWS rows. Each lane has 4 of its columns, for all rows, in
// registers. Of the left factor each lane reads other numbers than its neighbors, and all lanes then use them
// by broadcast. Sums go over the depth in order, with fma: a number of the result depends on its row and
// column alone, not on how many there are nor on ROWS, and repeats to the bit. Follows the same files as
// tile.wgsl, of which it takes `leftAt`, and subgroup-right.wgsl: a branch around each read would cost as much as the
// read, so what is beyond an end is read from within, and thrown away. Of weights that are packed the scales are read
// once for all depths that share them, where they lie along the depth.

// Fours of a row that share a scale.
const SHARED = 8u;

// Neighboring workgroups have the same columns, whose weights are then at hand.
@compute @workgroup_size(SUBGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let size = extent();
  let row = select(group.x * ROWS, size.x - size.x % TILE, REST);
  let column4 = group.y * SUBGROUP + lane;
  let inside = min(column4, size.y - 1);
  var sums: array<vec4f, ROWS>;
  var scales: array<Scale, 4>;
  for (var depth4 = 0u; 4 * depth4 < size.z; depth4++) {
    if (RIGHT_ALONG_DEPTH && PACKED && depth4 % SHARED == 0) { scales = rightScales(inside, depth4); }
    let b = rightBlock(inside, depth4, scales, size);
    for (var first = 0u; first < ROWS; first += SUBGROUP) {
      let a = ofLanes(leftPart(row, depth4, first + lane, size));
      for (var i = 0u; i < min(SUBGROUP, ROWS); i += 4u) {
        // Parts are rows at four depths, or four rows at each of four depths.
        var four = mat4x4f(a[i], a[i + 1], a[i + 2], a[i + 3]);
        if (!LEFT_ALONG_DEPTH) { four = transpose(four); }
        for (var j = 0u; j < 4; j++) {
          let m = first + i + j;
          let at = four[j];
          sums[m] = fma(at.wwww, b[3], fma(at.zzzz, b[2], fma(at.yyyy, b[1], fma(at.xxxx, b[0], sums[m]))));
        }
      }
    }
  }
  if (column4 >= size.y) { return; }
  for (var m = 0u; m < ROWS; m++) {
    if (row + m < size.x) { put(row + m, column4, sums[m]); }
  }
}

// The part with this number, of ROWS, of the rows at four depths.
fn leftPart(row: u32, depth4: u32, part: u32, size: vec3u) -> vec4f {
  if (LEFT_ALONG_DEPTH) { return leftAt(min(row + part, size.x - 1), depth4); }
  let depth = 4 * depth4 + part % 4;
  let value = leftAt(min(depth, size.z - 1), min((row + part) / 4, size.x / 4 - 1));
  return select(vec4f(), value, depth < size.z);
}
