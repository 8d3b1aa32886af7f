// A matmul in tiles of 8 x 8 units, where a unit is what a subgroup multiplies at once in f16, with sums in
// f32 (WGSL's subgroup matrices, chromium_experimental_subgroup_matrix). Each of 8 subgroups has 4 x 2 units
// of the tile. For matmuls with bf16 weights: times 64 f16 holds them exactly, unless they are below 2^-20 or
// above 1023; what is above overflows to infinity. The left factor's rows come scaled by matrix-scales.wgsl;
// with two PARTS each number is the sum of two f16, which together have 22 bits, and with one it is rounded
// to f16. Follows the same files as tile.wgsl.
const TILE_ROWS = 8 * UNIT_M;
const TILE_COLUMNS = 8 * UNIT_N;
const DEPTH = 2 * UNIT_K;
const LANES = 8 * SUBGROUP;
// From line to line in workgroup memory: more than a line, so that neighbors are in different banks.
const LEFT_STRIDE = DEPTH + 8;
const LEFT_SIZE = TILE_ROWS * LEFT_STRIDE;
const RIGHT_STRIDE = select(TILE_COLUMNS + 8, DEPTH + 8, RIGHT_ALONG_DEPTH);
const RIGHT_LINES = select(DEPTH, TILE_COLUMNS, RIGHT_ALONG_DEPTH);
const WEIGHT_SCALE = 64f;

// Row after row; and as they lie in memory: column after column where RIGHT_ALONG_DEPTH, otherwise depth
// after depth.
var<workgroup> leftTile: array<f16, PARTS * LEFT_SIZE>;
var<workgroup> rightTile: array<f16, RIGHT_LINES * RIGHT_STRIDE>;
var<workgroup> rowScales: array<f32, TILE_ROWS>;
// A unit of the result for each subgroup.
var<workgroup> staged: array<f32, 8 * UNIT_M * UNIT_N>;

alias Left = subgroup_matrix_left<f16, UNIT_K, UNIT_M>;
alias Right = subgroup_matrix_right<f16, UNIT_N, UNIT_K>;
alias Sum = subgroup_matrix_result<f32, UNIT_N, UNIT_M>;

@group(0) @binding(5) var<storage, read> scales: array<f32>;

@compute @workgroup_size(LANES) @subgroup_size(SUBGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let size = extent();
  let row = group.y * TILE_ROWS;
  let column4 = group.x * (TILE_COLUMNS / 4);
  for (var i = index; i < TILE_ROWS; i += LANES) {
    rowScales[i] = select(1, scales[min(row + i, size.x - 1)], row + i < size.x);
  }
  let leftAt = (subgroup / 4) * 4 * UNIT_M * LEFT_STRIDE;
  let rightAt = (subgroup % 4) * 2 * UNIT_N * select(1u, RIGHT_STRIDE, RIGHT_ALONG_DEPTH);
  var s00 = Sum();
  var s01 = Sum();
  var s10 = Sum();
  var s11 = Sum();
  var s20 = Sum();
  var s21 = Sum();
  var s30 = Sum();
  var s31 = Sum();
  for (var depth = 0u; depth < size.z; depth += DEPTH) {
    workgroupBarrier();
    for (var i = index; i < steps(TILE_ROWS * DEPTH / 4); i += LANES) {
      keepLeft(row, depth / 4, i);
    }
    for (var i = index; i < steps(TILE_COLUMNS * DEPTH / 4); i += LANES) {
      keepRight(column4, depth / 4, i);
    }
    workgroupBarrier();
    for (var k = 0u; k < steps(DEPTH); k += UNIT_K) {
      let right = rightAt + k * select(RIGHT_STRIDE, 1, RIGHT_ALONG_DEPTH);
      let b0 = loadRight(right);
      let b1 = loadRight(right + UNIT_N * select(1u, RIGHT_STRIDE, RIGHT_ALONG_DEPTH));
      for (var part = 0u; part < PARTS; part++) {
        let left = part * LEFT_SIZE + leftAt + k;
        let a0 = subgroupMatrixLoad<Left, row_major>(&leftTile, left, LEFT_STRIDE);
        s00 = subgroupMatrixMultiplyAccumulate(a0, b0, s00);
        s01 = subgroupMatrixMultiplyAccumulate(a0, b1, s01);
        let a1 = subgroupMatrixLoad<Left, row_major>(&leftTile, left + UNIT_M * LEFT_STRIDE, LEFT_STRIDE);
        s10 = subgroupMatrixMultiplyAccumulate(a1, b0, s10);
        s11 = subgroupMatrixMultiplyAccumulate(a1, b1, s11);
        let a2 = subgroupMatrixLoad<Left, row_major>(&leftTile, left + 2 * UNIT_M * LEFT_STRIDE, LEFT_STRIDE);
        s20 = subgroupMatrixMultiplyAccumulate(a2, b0, s20);
        s21 = subgroupMatrixMultiplyAccumulate(a2, b1, s21);
        let a3 = subgroupMatrixLoad<Left, row_major>(&leftTile, left + 3 * UNIT_M * LEFT_STRIDE, LEFT_STRIDE);
        s30 = subgroupMatrixMultiplyAccumulate(a3, b0, s30);
        s31 = subgroupMatrixMultiplyAccumulate(a3, b1, s31);
      }
    }
  }
  // Through workgroup memory, where each subgroup has room for one unit.
  let stage = subgroup * UNIT_M * UNIT_N;
  let unit = Unit(subgroup / 4 * 4, subgroup % 4 * 2, stage, lane);
  subgroupMatrixStore<row_major>(&staged, stage, s00, UNIT_N);
  drain(size, row, column4, unit, 0, 0);
  subgroupMatrixStore<row_major>(&staged, stage, s01, UNIT_N);
  drain(size, row, column4, unit, 0, 1);
  subgroupMatrixStore<row_major>(&staged, stage, s10, UNIT_N);
  drain(size, row, column4, unit, 1, 0);
  subgroupMatrixStore<row_major>(&staged, stage, s11, UNIT_N);
  drain(size, row, column4, unit, 1, 1);
  subgroupMatrixStore<row_major>(&staged, stage, s20, UNIT_N);
  drain(size, row, column4, unit, 2, 0);
  subgroupMatrixStore<row_major>(&staged, stage, s21, UNIT_N);
  drain(size, row, column4, unit, 2, 1);
  subgroupMatrixStore<row_major>(&staged, stage, s30, UNIT_N);
  drain(size, row, column4, unit, 3, 0);
  subgroupMatrixStore<row_major>(&staged, stage, s31, UNIT_N);
  drain(size, row, column4, unit, 3, 1);
}

fn loadRight(at: u32) -> Right {
  if (RIGHT_ALONG_DEPTH) { return subgroupMatrixLoad<Right, col_major>(&rightTile, at, RIGHT_STRIDE); }
  return subgroupMatrixLoad<Right, row_major>(&rightTile, at, RIGHT_STRIDE);
}

// The subgroup's first unit, counted in units from the tile's corner, and where its results lie.
struct Unit {
  down: u32,
  right: u32,
  stage: u32,
  lane: u32,
}

// Four numbers of the left factor, scaled, as one f16 each or two.
fn keepLeft(row: u32, depth4: u32, i: u32) {
  let m = i / (DEPTH / 4);
  let k4 = i % (DEPTH / 4);
  let value = rowScales[m] * left(row + m, depth4 + k4);
  let at = m * LEFT_STRIDE + 4 * k4;
  if (PARTS == 1) {
    storeLeft(at, vec4h(value));
    return;
  }
  // The upper 11 bits by their mask: drivers take the way to f16 and back for no change, and nothing would be
  // left over.
  let high = bitcast<vec4f>(bitcast<vec4u>(value) & vec4u(0xffffe000));
  storeLeft(at, vec4h(high));
  storeLeft(LEFT_SIZE + at, vec4h(value - high));
}

fn storeLeft(at: u32, value: vec4h) {
  leftTile[at] = value.x;
  leftTile[at + 1] = value.y;
  leftTile[at + 2] = value.z;
  leftTile[at + 3] = value.w;
}

// Four weights, in their line.
fn keepRight(column4: u32, depth4: u32, i: u32) {
  var line: u32;
  var four: u32;
  var value: vec4f;
  if (RIGHT_ALONG_DEPTH) {
    line = i / (DEPTH / 4);
    four = i % (DEPTH / 4);
    value = WEIGHT_SCALE * right(4 * column4 + line, depth4 + four);
  } else {
    line = i / (TILE_COLUMNS / 4);
    four = i % (TILE_COLUMNS / 4);
    value = WEIGHT_SCALE * right(4 * depth4 + line, column4 + four);
  }
  // Not a constant, which may not be infinite.
  let infinite = vec4h(bitcast<vec2h>(0x7c007c00 + batch.zero), bitcast<vec2h>(0x7c007c00 + batch.zero));
  let weight = select(infinite, vec4h(value), abs(value) <= vec4f(65504));
  let at = line * RIGHT_STRIDE + 4 * four;
  rightTile[at] = weight.x;
  rightTile[at + 1] = weight.y;
  rightTile[at + 2] = weight.z;
  rightTile[at + 3] = weight.w;
}

// Puts the staged units where they belong, without their scales.
fn drain(size: vec3u, row: u32, column4: u32, unit: Unit, down: u32, right: u32) {
  workgroupBarrier();
  for (var i = unit.lane; i < steps(UNIT_M * UNIT_N / 4); i += SUBGROUP) {
    let inRow = (unit.down + down) * UNIT_M + i / (UNIT_N / 4);
    let m = row + inRow;
    let four = column4 + (unit.right + right) * (UNIT_N / 4) + i % (UNIT_N / 4);
    if (m < size.x && four < size.y) {
      let at = unit.stage + 4 * i;
      let value = vec4f(staged[at], staged[at + 1], staged[at + 2], staged[at + 3]);
      // The inverse of a power of two, exactly.
      let inverse = bitcast<f32>(0x7f000000 - bitcast<u32>(rowScales[inRow]));
      put(m, four, value * (1 / WEIGHT_SCALE) * inverse);
    }
  }
  workgroupBarrier();
}
