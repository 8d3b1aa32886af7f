// dw (OUT, IN) += scale * dy (M, OUT) transposed times x (M, IN), as matmul-backward-weight.wgsl; for
// tile.wgsl.

const LEFT_ALONG_DEPTH = false;
const RIGHT_ALONG_DEPTH = false;

fn extent() -> vec3u {
  return vec3u(4 * call.out4, call.in4, rows());
}

fn left(m: u32, n4: u32) -> vec4f {
  if (m >= rows() || n4 >= call.out4) { return vec4f(); }
  return leftAt(m, n4);
}

fn leftAt(m: u32, n4: u32) -> vec4f { return dy[m * call.yStride4 + call.yAt4 + n4]; }

fn right(m: u32, k4: u32) -> vec4f {
  if (m >= rows() || k4 >= call.in4) { return vec4f(); }
  return x[rightAt(m, k4)];
}

fn rightAt(m: u32, k4: u32) -> u32 { return m * call.xStride4 + call.xAt4 + k4; }
