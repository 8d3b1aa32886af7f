// Norms each query and key head before it is turned (Qwen 3): y = x * rstd * (NORM_OFFSET + w), with w of the
// layer's queries or keys; values stay. One invocation per token and head; rstd is kept for the backward
// pass.
struct Call {
  layer: u32,
}
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> headNorms: array<vec4f>;   // (2 * layers, HEAD_SIZE): queries', keys'
@group(0) @binding(2) var<storage, read> qkv: array<vec4f>;         // (N, QKV_SIZE)
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;     // (N, QKV_SIZE)
@group(0) @binding(4) var<storage, read_write> rstd: array<f32>;    // (N, HEADS + KV_HEADS)
@group(0) @binding(5) var<uniform> call: Call;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let head = id.x;
  let n = id.y;
  if (head >= HEADS + 2 * KV_HEADS || n >= batch.tokens) { return; }
  let columns = HEAD4 + batch.zero;
  let at = (n * (HEADS + 2 * KV_HEADS) + head) * HEAD4;
  if (head >= HEADS + KV_HEADS) {
    for (var c = 0u; c < columns; c++) { y[at + c] = qkv[at + c]; }
    return;
  }
  let norm = (2 * call.layer + select(0u, 1u, head >= HEADS)) * HEAD4;
  var squares = 0f;
  for (var c = 0u; c < columns; c++) {
    squares += dot(qkv[at + c], qkv[at + c]);
  }
  let scale = 1 / sqrt(squares / f32(HEAD_NORMED) + EPSILON);
  for (var c = 0u; c < columns; c++) {
    y[at + c] = qkv[at + c] * scale * (NORM_OFFSET + headNorms[norm + c]);
  }
  rstd[n * (HEADS + KV_HEADS) + head] = scale;
}
