// dw (OUT, IN) += dy (M, OUT) transposed times x (M, IN); the gradient of matmul.wgsl at its weight.
// Each invocation has a 4 x 4 tile of dw and sums over the M rows in order.
struct Call {
  in4: u32,
  out4: u32,
  overTargets: u32,
}
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dw: array<vec4f>;
@group(0) @binding(4) var<uniform> call: Call;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= call.in4 || id.y >= call.out4) { return; }
  let rows = select(batch.tokens, batch.targets, call.overTargets != 0);
  var d0 = vec4f();
  var d1 = vec4f();
  var d2 = vec4f();
  var d3 = vec4f();
  for (var m = 0u; m < rows; m++) {
    let d = dy[m * call.out4 + id.y];
    let value = x[m * call.in4 + id.x];
    d0 += d.x * value;
    d1 += d.y * value;
    d2 += d.z * value;
    d3 += d.w * value;
  }
  let at = id.y * 4 * call.in4 + id.x;
  dw[at] += d0;
  dw[at + call.in4] += d1;
  dw[at + 2 * call.in4] += d2;
  dw[at + 3 * call.in4] += d3;
}
