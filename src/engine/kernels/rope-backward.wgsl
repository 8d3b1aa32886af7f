// The gradient of rope.wgsl: rotates back, and joins the three gradients again.
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> positions: array<u32>;       // (N)
@group(0) @binding(2) var<storage, read> ropeTable: array<vec2f>;         // (positions, HEAD_SIZE / 2) cosine, sine
@group(0) @binding(3) var<storage, read> dqueries: array<f32>;        // (N, Q_SIZE)
@group(0) @binding(4) var<storage, read> dkeys: array<f32>;           // (N, KV_SIZE)
@group(0) @binding(5) var<storage, read> dvalues: array<f32>;         // (N, KV_SIZE)
@group(0) @binding(6) var<storage, read_write> dqkv: array<f32>;      // (N, QKV_SIZE)

const HALF = HEAD_SIZE / 2;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n = id.y;
  if (id.x >= QKV_SIZE / 2 || n >= batch.tokens) { return; }
  let head = id.x / HALF;
  let i = id.x % HALF;
  let to = n * QKV_SIZE + head * HEAD_SIZE + i;
  if (head >= HEADS + KV_HEADS) {
    let at = n * KV_SIZE + (head - HEADS - KV_HEADS) * HEAD_SIZE + i;
    dqkv[to] = dvalues[at];
    dqkv[to + HALF] = dvalues[at + HALF];
    return;
  }
  var low = 0f;
  var high = 0f;
  if (head < HEADS) {
    let at = n * Q_SIZE + head * HEAD_SIZE + i;
    low = dqueries[at];
    high = dqueries[at + HALF];
  } else {
    let at = n * KV_SIZE + (head - HEADS) * HEAD_SIZE + i;
    low = dkeys[at];
    high = dkeys[at + HALF];
  }
  let rotation = ropeTable[positions[n] * HALF + i];
  dqkv[to] = low * rotation.x + high * rotation.y;
  dqkv[to + HALF] = high * rotation.x - low * rotation.y;
}
