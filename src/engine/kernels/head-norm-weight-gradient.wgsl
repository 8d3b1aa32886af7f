// First of two ordered passes for the gradient of a layer's query and key norms: partial[chunk] (2,
// HEAD_SIZE) = sum over the chunk's tokens and their heads of dy * x * rstd. column-sums-reduce.wgsl is the
// second. One invocation per element and chunk of NORM_CHUNK tokens.
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> dy: array<f32>;              // (N, QKV_SIZE)
@group(0) @binding(2) var<storage, read> qkv: array<f32>;             // (N, QKV_SIZE)
@group(0) @binding(3) var<storage, read> rstd: array<f32>;            // (N, HEADS + KV_HEADS)
@group(0) @binding(4) var<storage, read_write> partial: array<f32>;   // (chunks, 2, HEAD_SIZE)

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= 2 * HEAD_SIZE) { return; }
  let keys = id.x >= HEAD_SIZE;
  let first = select(0u, HEADS, keys);
  let last = select(HEADS, HEADS + KV_HEADS, keys) + batch.zero;
  let end = min((id.y + 1) * NORM_CHUNK, batch.tokens);
  var sum = 0f;
  for (var n = id.y * NORM_CHUNK; n < end; n++) {
    for (var head = first; head < last; head++) {
      let at = n * QKV_SIZE + head * HEAD_SIZE + id.x % HEAD_SIZE;
      sum += dy[at] * qkv[at] * rstd[n * (HEADS + KV_HEADS) + head];
    }
  }
  partial[id.y * 2 * HEAD_SIZE + id.x] = sum;
}
