// y (M, OUT) = x (M, IN) times w (OUT, IN) transposed: a linear layer as Hugging Face stores it.
// Each invocation has a 4 x 4 tile of y in registers and sums over IN in order, so a row of y does not depend on M.
// The M dimension is the batch's tokens, or its targets; buffers have room for whole tiles.
struct Call {
  in4: u32,
  out4: u32,
  overTargets: u32,
}
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<uniform> call: Call;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let m = id.y * 4;
  if (id.x >= call.out4 || m >= select(batch.tokens, batch.targets, call.overTargets != 0)) { return; }
  let n = id.x * 4;
  var y0 = vec4f();
  var y1 = vec4f();
  var y2 = vec4f();
  var y3 = vec4f();
  for (var k = 0u; k < call.in4; k++) {
    let w0 = w[n * call.in4 + k];
    let w1 = w[(n + 1) * call.in4 + k];
    let w2 = w[(n + 2) * call.in4 + k];
    let w3 = w[(n + 3) * call.in4 + k];
    let x0 = x[m * call.in4 + k];
    y0 += vec4f(dot(x0, w0), dot(x0, w1), dot(x0, w2), dot(x0, w3));
    let x1 = x[(m + 1) * call.in4 + k];
    y1 += vec4f(dot(x1, w0), dot(x1, w1), dot(x1, w2), dot(x1, w3));
    let x2 = x[(m + 2) * call.in4 + k];
    y2 += vec4f(dot(x2, w0), dot(x2, w1), dot(x2, w2), dot(x2, w3));
    let x3 = x[(m + 3) * call.in4 + k];
    y3 += vec4f(dot(x3, w0), dot(x3, w1), dot(x3, w2), dot(x3, w3));
  }
  y[m * call.out4 + id.x] = y0;
  y[(m + 1) * call.out4 + id.x] = y1;
  y[(m + 2) * call.out4 + id.x] = y2;
  y[(m + 3) * call.out4 + id.x] = y3;
}
