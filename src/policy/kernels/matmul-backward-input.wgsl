// dx (M, IN) = dy (M, OUT) times w (OUT, IN), or dx += it; the gradient of matmul.wgsl at its input. Tiles as there.
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;

override IN4: u32;
override OUT4: u32;
override OVER_TARGETS: bool;
override ADD: bool;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let m = id.y * 4;
  if (id.x >= IN4 || m >= select(batch.tokens, batch.targets, OVER_TARGETS)) { return; }
  var d0 = vec4f();
  var d1 = vec4f();
  var d2 = vec4f();
  var d3 = vec4f();
  for (var n = 0u; n < OUT4; n++) {
    let w0 = w[(n * 4) * IN4 + id.x];
    let w1 = w[(n * 4 + 1) * IN4 + id.x];
    let w2 = w[(n * 4 + 2) * IN4 + id.x];
    let w3 = w[(n * 4 + 3) * IN4 + id.x];
    let y0 = dy[m * OUT4 + n];
    d0 += y0.x * w0 + y0.y * w1 + y0.z * w2 + y0.w * w3;
    let y1 = dy[(m + 1) * OUT4 + n];
    d1 += y1.x * w0 + y1.y * w1 + y1.z * w2 + y1.w * w3;
    let y2 = dy[(m + 2) * OUT4 + n];
    d2 += y2.x * w0 + y2.y * w1 + y2.z * w2 + y2.w * w3;
    let y3 = dy[(m + 3) * OUT4 + n];
    d3 += y3.x * w0 + y3.y * w1 + y3.z * w2 + y3.w * w3;
  }
  let at = m * IN4 + id.x;
  if (ADD) {
    d0 += dx[at];
    d1 += dx[at + IN4];
    d2 += dx[at + 2 * IN4];
    d3 += dx[at + 3 * IN4];
  }
  dx[at] = d0;
  dx[at + IN4] = d1;
  dx[at + 2 * IN4] = d2;
  dx[at + 3 * IN4] = d3;
}
