// y (M, OUT) = scale * x (M, IN) times w (OUT, IN) transposed, or y += it, as matmul.wgsl; for tile.wgsl.

const LEFT_ALONG_DEPTH = true;
const RIGHT_ALONG_DEPTH = true;

fn extent() -> vec3u {
  return vec3u(rows(), call.out4, 4 * call.in4);
}

fn left(m: u32, k4: u32) -> vec4f {
  if (m >= rows() || k4 >= call.in4) { return vec4f(); }
  return leftAt(m, k4);
}

fn leftAt(m: u32, k4: u32) -> vec4f { return x[m * call.xStride4 + call.xAt4 + k4]; }

fn right(n: u32, k4: u32) -> vec4f {
  if (n >= 4 * call.out4 || k4 >= call.in4) { return vec4f(); }
  return stored(rightAt(n, k4));
}

fn rightAt(n: u32, k4: u32) -> u32 { return n * call.in4 + k4; }
