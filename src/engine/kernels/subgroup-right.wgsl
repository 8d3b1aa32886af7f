// The right factor of a matmul, read by the lanes of a subgroup: of each its own 4 columns. Follows the same files as
// tile.wgsl, of which it takes `rightAt`: where four numbers lie.

// Of a lane's 4 columns, from this depth on.
fn rightScales(column4: u32, depth4: u32) -> array<Scale, 4> {
  let line = 4 * column4;
  return array(
    scaleOf(rightAt(line, depth4)), scaleOf(rightAt(line + 1, depth4)),
    scaleOf(rightAt(line + 2, depth4)), scaleOf(rightAt(line + 3, depth4)),
  );
}

// A lane's 4 columns at four depths: a vec4 of columns for each.
fn rightBlock(column4: u32, depth4: u32, scales: array<Scale, 4>, size: vec3u) -> mat4x4f {
  if (RIGHT_ALONG_DEPTH) {
    let line = 4 * column4;
    return transpose(mat4x4f(
      scaled(rightAt(line, depth4), scales[0]), scaled(rightAt(line + 1, depth4), scales[1]),
      scaled(rightAt(line + 2, depth4), scales[2]), scaled(rightAt(line + 3, depth4), scales[3]),
    ));
  }
  let line = 4 * depth4;
  return mat4x4f(
    rightLine(line, column4, size), rightLine(line + 1, column4, size),
    rightLine(line + 2, column4, size), rightLine(line + 3, column4, size),
  );
}

fn rightLine(line: u32, column4: u32, size: vec3u) -> vec4f {
  let at = rightAt(min(line, size.z - 1), column4);
  return select(vec4f(), scaled(at, scaleOf(at)), line < size.z);
}
