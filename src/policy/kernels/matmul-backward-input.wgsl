// dx (M, IN) = dy (M, OUT) times w (OUT, IN), or dx += it; the gradient of matmul.wgsl at its input.
// Each invocation has a tile of 8 rows and 4 columns of dx in registers and sums over OUT in order.
struct Call {
  in4: u32,
  out4: u32,
  overTargets: u32,
  add: u32,
}
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(4) var<uniform> call: Call;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let m = id.y * 8;
  if (id.x >= call.in4 || m >= select(batch.tokens, batch.targets, call.overTargets != 0)) { return; }
  let out = call.out4 * 4;
  let row = m * out;
  var d0 = vec4f();
  var d1 = vec4f();
  var d2 = vec4f();
  var d3 = vec4f();
  var d4 = vec4f();
  var d5 = vec4f();
  var d6 = vec4f();
  var d7 = vec4f();
  for (var n = 0u; n < out; n++) {
    let weight = w[n * call.in4 + id.x];
    d0 += dy[row + n] * weight;
    d1 += dy[row + out + n] * weight;
    d2 += dy[row + 2 * out + n] * weight;
    d3 += dy[row + 3 * out + n] * weight;
    d4 += dy[row + 4 * out + n] * weight;
    d5 += dy[row + 5 * out + n] * weight;
    d6 += dy[row + 6 * out + n] * weight;
    d7 += dy[row + 7 * out + n] * weight;
  }
  let at = m * call.in4 + id.x;
  if (call.add != 0) {
    d0 += dx[at];
    d1 += dx[at + call.in4];
    d2 += dx[at + 2 * call.in4];
    d3 += dx[at + 3 * call.in4];
    d4 += dx[at + 4 * call.in4];
    d5 += dx[at + 5 * call.in4];
    d6 += dx[at + 6 * call.in4];
    d7 += dx[at + 7 * call.in4];
  }
  dx[at] = d0;
  dx[at + call.in4] = d1;
  dx[at + 2 * call.in4] = d2;
  dx[at + 3 * call.in4] = d3;
  dx[at + 4 * call.in4] = d4;
  dx[at + 5 * call.in4] = d5;
  dx[at + 6 * call.in4] = d6;
  dx[at + 7 * call.in4] = d7;
}
