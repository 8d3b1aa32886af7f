// A matmul in tiles of 64 x 64, through workgroup memory, 16 deep at a time. Each of 64 invocations has
// 8 rows and 8 columns of the tile in registers and sums over the depth in order, with fma: so a number of
// the result depends on its row and column alone, not on how many there are, and repeats to the bit. Follows
// a file that says what is multiplied: `extent` (rows, columns / 4, depth), `left` and `right` (4 numbers of
// a line of the factor as it lies in memory, 0 beyond its end) and `put`. Where lines run along the depth,
// they are transposed on their way to workgroup memory.
const DEPTH = 16u;
// vec4 from depth to depth: one more than are used, so that neighboring lanes write to different banks.
const LINE = 17u;
var<workgroup> leftTile: array<Kept, DEPTH * LINE>;
var<workgroup> rightTile: array<Kept, DEPTH * LINE>;

@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) lane: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let size = extent();
  let row4 = group.y * 16;
  let column4 = group.x * 16;
  let leftPlace = place(LEFT_ALONG_DEPTH, index);
  let rightPlace = place(RIGHT_ALONG_DEPTH, index);
  // Fetched one step ahead, so that memory works while the tile is multiplied.
  var a = leftBlock(row4, 0, index);
  var b = rightBlock(column4, 0, index);
  var sums: array<vec4f, 16>;
  for (var depth = 0u; depth < size.z; depth += DEPTH) {
    for (var i = 0u; i < 4; i++) {
      leftTile[leftPlace + i * LINE] = keep(a[i]);
      rightTile[rightPlace + i * LINE] = keep(b[i]);
    }
    workgroupBarrier();
    a = leftBlock(row4, depth / 4 + 4, index);
    b = rightBlock(column4, depth / 4 + 4, index);
    for (var k = 0u; k < steps(DEPTH); k++) {
      let a0 = vec4f(leftTile[k * LINE + lane.y]);
      let a1 = vec4f(leftTile[k * LINE + lane.y + 8]);
      let b0 = vec4f(rightTile[k * LINE + lane.x]);
      let b1 = vec4f(rightTile[k * LINE + lane.x + 8]);
      sums[0] = fma(a0.xxxx, b0, sums[0]);
      sums[1] = fma(a0.xxxx, b1, sums[1]);
      sums[2] = fma(a0.yyyy, b0, sums[2]);
      sums[3] = fma(a0.yyyy, b1, sums[3]);
      sums[4] = fma(a0.zzzz, b0, sums[4]);
      sums[5] = fma(a0.zzzz, b1, sums[5]);
      sums[6] = fma(a0.wwww, b0, sums[6]);
      sums[7] = fma(a0.wwww, b1, sums[7]);
      sums[8] = fma(a1.xxxx, b0, sums[8]);
      sums[9] = fma(a1.xxxx, b1, sums[9]);
      sums[10] = fma(a1.yyyy, b0, sums[10]);
      sums[11] = fma(a1.yyyy, b1, sums[11]);
      sums[12] = fma(a1.zzzz, b0, sums[12]);
      sums[13] = fma(a1.zzzz, b1, sums[13]);
      sums[14] = fma(a1.wwww, b0, sums[14]);
      sums[15] = fma(a1.wwww, b1, sums[15]);
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < steps(8); i++) {
    // Rows 0 to 3 of the invocation lie together, and 4 to 7 half a tile below.
    let row = 4 * (row4 + lane.y + 8 * (i / 4)) + i % 4;
    if (row >= size.x) { continue; }
    if (column4 + lane.x < size.y) { put(row, column4 + lane.x, sums[2 * i]); }
    if (column4 + lane.x + 8 < size.y) { put(row, column4 + lane.x + 8, sums[2 * i + 1]); }
  }
}

// 4 rows of the left factor at 4 depths: a vec4 of rows for each depth.
fn leftBlock(row4: u32, depth4: u32, index: u32) -> mat4x4f {
  if (LEFT_ALONG_DEPTH) {
    let line = 4 * (row4 + index / 4);
    let four = depth4 + index % 4;
    return transpose(mat4x4f(left(line, four), left(line + 1, four), left(line + 2, four), left(line + 3, four)));
  }
  let line = 4 * (depth4 + index / 16);
  let four = row4 + index % 16;
  return mat4x4f(left(line, four), left(line + 1, four), left(line + 2, four), left(line + 3, four));
}

// 4 columns of the right factor at 4 depths, likewise.
fn rightBlock(column4: u32, depth4: u32, index: u32) -> mat4x4f {
  if (RIGHT_ALONG_DEPTH) {
    let line = 4 * (column4 + index / 4);
    let four = depth4 + index % 4;
    return transpose(mat4x4f(right(line, four), right(line + 1, four), right(line + 2, four), right(line + 3, four)));
  }
  let line = 4 * (depth4 + index / 16);
  let four = column4 + index % 16;
  return mat4x4f(right(line, four), right(line + 1, four), right(line + 2, four), right(line + 3, four));
}

// Where in the tile the lane's block goes. Neighboring lanes fetch neighbors in memory.
fn place(alongDepth: bool, index: u32) -> u32 {
  if (alongDepth) { return 4 * (index % 4) * LINE + index / 4; }
  return 4 * (index / 16) * LINE + index % 16;
}
