// dx (M, IN) = dy (M, OUT) times w (OUT, IN), or dx += it; the gradient of matmul.wgsl at its input. Tiles as there.
struct Call {
  in4: u32,
  out4: u32,
  overTargets: u32,
  add: u32,
}
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(4) var<uniform> call: Call;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let m = id.y * 4;
  if (id.x >= call.in4 || m >= select(batch.tokens, batch.targets, call.overTargets != 0)) { return; }
  var d0 = vec4f();
  var d1 = vec4f();
  var d2 = vec4f();
  var d3 = vec4f();
  for (var n = 0u; n < call.out4; n++) {
    let w0 = w[(n * 4) * call.in4 + id.x];
    let w1 = w[(n * 4 + 1) * call.in4 + id.x];
    let w2 = w[(n * 4 + 2) * call.in4 + id.x];
    let w3 = w[(n * 4 + 3) * call.in4 + id.x];
    let y0 = dy[m * call.out4 + n];
    d0 += y0.x * w0 + y0.y * w1 + y0.z * w2 + y0.w * w3;
    let y1 = dy[(m + 1) * call.out4 + n];
    d1 += y1.x * w0 + y1.y * w1 + y1.z * w2 + y1.w * w3;
    let y2 = dy[(m + 2) * call.out4 + n];
    d2 += y2.x * w0 + y2.y * w1 + y2.z * w2 + y2.w * w3;
    let y3 = dy[(m + 3) * call.out4 + n];
    d3 += y3.x * w0 + y3.y * w1 + y3.z * w2 + y3.w * w3;
  }
  let at = m * call.in4 + id.x;
  if (call.add != 0) {
    d0 += dx[at];
    d1 += dx[at + call.in4];
    d2 += dx[at + 2 * call.in4];
    d3 += dx[at + 3 * call.in4];
  }
  dx[at] = d0;
  dx[at + call.in4] = d1;
  dx[at + 2 * call.in4] = d2;
  dx[at + 3 * call.in4] = d3;
}
