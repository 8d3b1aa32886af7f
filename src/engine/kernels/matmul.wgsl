// y (M, OUT) = scale * x (M, IN) times w (OUT, IN) transposed, or y += it: a linear layer as Hugging Face
// stores it. x and y may be columns of wider matrices. Each invocation has a 4 x 4 tile of y in registers and
// sums over IN in order, so a row of y does not depend on M. M is the batch's tokens, or its targets; buffers
// have room for whole tiles.

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let m = id.y * 4;
  if (id.x >= call.out4 || m >= rows()) { return; }
  let n = id.x * 4;
  let row = m * call.xStride4 + call.xAt4;
  var y0 = vec4f();
  var y1 = vec4f();
  var y2 = vec4f();
  var y3 = vec4f();
  for (var k = 0u; k < call.in4; k++) {
    let w0 = stored(n * call.in4 + k);
    let w1 = stored((n + 1) * call.in4 + k);
    let w2 = stored((n + 2) * call.in4 + k);
    let w3 = stored((n + 3) * call.in4 + k);
    let x0 = x[row + k];
    y0 += vec4f(dot(x0, w0), dot(x0, w1), dot(x0, w2), dot(x0, w3));
    let x1 = x[row + call.xStride4 + k];
    y1 += vec4f(dot(x1, w0), dot(x1, w1), dot(x1, w2), dot(x1, w3));
    let x2 = x[row + 2 * call.xStride4 + k];
    y2 += vec4f(dot(x2, w0), dot(x2, w1), dot(x2, w2), dot(x2, w3));
    let x3 = x[row + 3 * call.xStride4 + k];
    y3 += vec4f(dot(x3, w0), dot(x3, w1), dot(x3, w2), dot(x3, w3));
  }
  put(m, id.x, y0);
  put(m + 1, id.x, y1);
  put(m + 2, id.x, y2);
  put(m + 3, id.x, y3);
}
