// dx (M, IN) = scale * dy (M, OUT) times w (OUT, IN), or dx += it, as matmul-backward-input.wgsl; for
// tile.wgsl.
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> w: array<Stored>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(4) var<uniform> call: MatmulCall;

const LEFT_ALONG_DEPTH = true;
const RIGHT_ALONG_DEPTH = false;

fn rows() -> u32 {
  return select(batch.tokens, batch.targets, call.overTargets != 0);
}

fn extent() -> vec3u {
  return vec3u(rows(), call.in4, 4 * call.out4);
}

fn left(m: u32, n4: u32) -> vec4f {
  if (m >= rows() || n4 >= call.out4) { return vec4f(); }
  return dy[m * call.yStride4 + call.yAt4 + n4];
}

fn right(n: u32, k4: u32) -> vec4f {
  if (n >= 4 * call.out4 || k4 >= call.in4) { return vec4f(); }
  return unpack(w[n * call.in4 + k4]);
}

fn put(m: u32, k4: u32, value: vec4f) {
  let at = m * call.xStride4 + call.xAt4 + k4;
  if (call.add != 0) {
    dx[at] += call.scale * value;
  } else {
    dx[at] = call.scale * value;
  }
}
