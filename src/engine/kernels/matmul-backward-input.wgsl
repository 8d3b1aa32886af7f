// dx (M, IN) = scale * dy (M, OUT) times w (OUT, IN), or dx += it; the gradient of matmul.wgsl at its input.
// Each invocation has a tile of 8 rows and 4 columns of dx in registers and sums over OUT in order.
@group(0) @binding(1) var<storage, read> dy: array<f32>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let m = id.y * 8;
  if (id.x >= call.in4 || m >= rows()) { return; }
  let out = call.out4 * 4;
  let stride = call.yStride4 * 4;
  let row = m * stride + call.yAt4 * 4;
  var d0 = vec4f();
  var d1 = vec4f();
  var d2 = vec4f();
  var d3 = vec4f();
  var d4 = vec4f();
  var d5 = vec4f();
  var d6 = vec4f();
  var d7 = vec4f();
  for (var n = 0u; n < out; n++) {
    let weight = stored(n * call.in4 + id.x);
    d0 += dy[row + n] * weight;
    d1 += dy[row + stride + n] * weight;
    d2 += dy[row + 2 * stride + n] * weight;
    d3 += dy[row + 3 * stride + n] * weight;
    d4 += dy[row + 4 * stride + n] * weight;
    d5 += dy[row + 5 * stride + n] * weight;
    d6 += dy[row + 6 * stride + n] * weight;
    d7 += dy[row + 7 * stride + n] * weight;
  }
  put(m, id.x, d0);
  put(m + 1, id.x, d1);
  put(m + 2, id.x, d2);
  put(m + 3, id.x, d3);
  put(m + 4, id.x, d4);
  put(m + 5, id.x, d5);
  put(m + 6, id.x, d6);
  put(m + 7, id.x, d7);
}
