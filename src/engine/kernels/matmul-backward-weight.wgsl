// dw (OUT, IN) += scale * dy (M, OUT) transposed times x (M, IN); the gradient of matmul.wgsl at its weight.
// Each invocation has a tile of 8 rows and 4 columns of dw in registers and sums over the M rows in order.
// Where OUT is not a multiple of 8 the last tile's lower half is computed from other numbers and thrown away.

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n4 = id.y * 2;
  if (id.x >= call.in4 || n4 >= call.out4) { return; }
  let count = rows();
  let xAt = call.xAt4 + id.x;
  let yAt = call.yAt4 + n4;
  var d0 = vec4f();
  var d1 = vec4f();
  var d2 = vec4f();
  var d3 = vec4f();
  var d4 = vec4f();
  var d5 = vec4f();
  var d6 = vec4f();
  var d7 = vec4f();
  for (var m = 0u; m < count; m++) {
    let value = x[m * call.xStride4 + xAt];
    let upper = dy[m * call.yStride4 + yAt];
    d0 += upper.x * value;
    d1 += upper.y * value;
    d2 += upper.z * value;
    d3 += upper.w * value;
    let lower = dy[m * call.yStride4 + yAt + 1];
    d4 += lower.x * value;
    d5 += lower.y * value;
    d6 += lower.z * value;
    d7 += lower.w * value;
  }
  let at = n4 * 4 * call.in4 + id.x;
  dw[at] += call.scale * d0;
  dw[at + call.in4] += call.scale * d1;
  dw[at + 2 * call.in4] += call.scale * d2;
  dw[at + 3 * call.in4] += call.scale * d3;
  if (n4 + 1 >= call.out4) { return; }
  dw[at + 4 * call.in4] += call.scale * d4;
  dw[at + 5 * call.in4] += call.scale * d5;
  dw[at + 6 * call.in4] += call.scale * d6;
  dw[at + 7 * call.in4] += call.scale * d7;
}
