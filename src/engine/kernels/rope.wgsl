// Splits a token's projections into queries, keys and values, and rotates queries and keys by their position
// (rotary embedding, halves paired as Hugging Face does). Keys and values go to row base + position: in
// training the token's own. With a ring of R rows for each slot of a cache they go to slot * R + position %
// R.
struct Call {
  ring: u32, // 0: none
}
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> positions: array<u32>;       // (N)
@group(0) @binding(2) var<storage, read> bases: array<u32>;           // (N) base or slot
@group(0) @binding(3) var<storage, read> ropeTable: array<vec2f>;         // (positions, HEAD_SIZE / 2) cosine, sine
@group(0) @binding(4) var<storage, read> qkv: array<f32>;             // (N, QKV_SIZE)
@group(0) @binding(5) var<storage, read_write> queries: array<f32>;   // (N, Q_SIZE)
@group(0) @binding(6) var<storage, read_write> keys: array<f32>;      // (rows, KV_SIZE)
@group(0) @binding(7) var<storage, read_write> values: array<f32>;    // (rows, KV_SIZE)
@group(0) @binding(8) var<uniform> call: Call;

const HALF = HEAD_SIZE / 2;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n = id.y;
  if (id.x >= QKV_SIZE / 2 || n >= batch.tokens) { return; }
  let head = id.x / HALF;
  let i = id.x % HALF;
  let low = qkv[n * QKV_SIZE + head * HEAD_SIZE + i];
  let high = qkv[n * QKV_SIZE + head * HEAD_SIZE + i + HALF];
  var row = bases[n] + positions[n];
  if (call.ring != 0) { row = bases[n] * call.ring + positions[n] % call.ring; }
  if (head >= HEADS + KV_HEADS) {
    let at = row * KV_SIZE + (head - HEADS - KV_HEADS) * HEAD_SIZE + i;
    values[at] = low;
    values[at + HALF] = high;
    return;
  }
  let rotation = ropeTable[positions[n] * HALF + i];
  let rotatedLow = low * rotation.x - high * rotation.y;
  let rotatedHigh = high * rotation.x + low * rotation.y;
  if (head < HEADS) {
    let at = n * Q_SIZE + head * HEAD_SIZE + i;
    queries[at] = rotatedLow;
    queries[at + HALF] = rotatedHigh;
  } else {
    let at = row * KV_SIZE + (head - HEADS) * HEAD_SIZE + i;
    keys[at] = rotatedLow;
    keys[at + HALF] = rotatedHigh;
  }
}
