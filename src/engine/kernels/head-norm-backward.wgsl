// The gradient of head-norm.wgsl, in place: dqkv holds dy and becomes dx. With g = dy * (NORM_OFFSET + w):
//   dx = rstd * (g - x * rstd^2 * mean(g * x))
struct Call {
  layer: u32,
}
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> headNorms: array<vec4f>;     // (2 * layers, HEAD_SIZE)
@group(0) @binding(2) var<storage, read> qkv: array<vec4f>;           // (N, QKV_SIZE) before the norm
@group(0) @binding(3) var<storage, read> rstd: array<f32>;            // (N, HEADS + KV_HEADS)
@group(0) @binding(4) var<storage, read_write> dqkv: array<vec4f>;    // (N, QKV_SIZE)
@group(0) @binding(5) var<uniform> call: Call;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let head = id.x;
  let n = id.y;
  if (head >= HEADS + KV_HEADS || n >= batch.tokens) { return; }
  let columns = HEAD4 + batch.zero;
  let at = (n * (HEADS + 2 * KV_HEADS) + head) * HEAD4;
  let norm = (2 * call.layer + select(0u, 1u, head >= HEADS)) * HEAD4;
  var product = 0f;
  for (var c = 0u; c < columns; c++) {
    product += dot(dqkv[at + c] * (NORM_OFFSET + headNorms[norm + c]), qkv[at + c]);
  }
  let scale = rstd[n * (HEADS + KV_HEADS) + head];
  let inward = product / f32(HEAD_NORMED) * scale * scale;
  for (var c = 0u; c < columns; c++) {
    dqkv[at + c] = scale * (dqkv[at + c] * (NORM_OFFSET + headNorms[norm + c]) - qkv[at + c] * inward);
  }
}
