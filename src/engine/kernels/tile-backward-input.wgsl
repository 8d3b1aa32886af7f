// dx (M, IN) = scale * dy (M, OUT) times w (OUT, IN), or dx += it, as matmul-backward-input.wgsl; for
// tile.wgsl.
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;

const LEFT_ALONG_DEPTH = true;
const RIGHT_ALONG_DEPTH = false;

fn extent() -> vec3u {
  return vec3u(rows(), call.in4, 4 * call.out4);
}

fn left(m: u32, n4: u32) -> vec4f {
  if (m >= rows() || n4 >= call.out4) { return vec4f(); }
  return leftAt(m, n4);
}

fn leftAt(m: u32, n4: u32) -> vec4f { return dy[m * call.yStride4 + call.yAt4 + n4]; }

fn right(n: u32, k4: u32) -> vec4f {
  if (n >= 4 * call.out4 || k4 >= call.in4) { return vec4f(); }
  return stored(rightAt(n, k4));
}

fn rightAt(n: u32, k4: u32) -> u32 { return n * call.in4 + k4; }
