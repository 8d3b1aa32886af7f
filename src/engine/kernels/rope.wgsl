// Splits a token's projections into queries, keys and values, and rotates queries and keys by their position
// (rotary embedding, halves paired as Hugging Face does). Keys and values go to row base + position: in
// training the token's own. With a ring of R rows for each slot of a cache they go to slot * R + position %
// R. An invocation has PAIRS neighboring pairs.
struct Call {
  ring: u32, // 0: none
}
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> positions: array<u32>;       // (N)
@group(0) @binding(2) var<storage, read> bases: array<u32>;           // (N) base or slot
@group(0) @binding(3) var<storage, read> ropeTable: array<vec4f>;         // (positions, HEAD_SIZE / 2) cosine, sine
@group(0) @binding(4) var<storage, read> qkv: array<Pairs>;             // (N, QKV_SIZE)
@group(0) @binding(5) var<storage, read_write> queries: array<Pairs>;   // (N, Q_SIZE)
@group(0) @binding(6) var<storage, read_write> keys: array<Pairs>;      // (rows, KV_SIZE)
@group(0) @binding(7) var<storage, read_write> values: array<Pairs>;    // (rows, KV_SIZE)
@group(0) @binding(8) var<uniform> call: Call;

const HALF = HEAD_SIZE / 2 / PAIRS;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n = id.y;
  if (id.x >= QKV_SIZE / 2 / PAIRS || n >= batch.tokens) { return; }
  let head = id.x / HALF;
  let i = id.x % HALF;
  let source = (n * (HEADS + 2 * KV_HEADS) + head) * 2 * HALF + i;
  let low = qkv[source];
  let high = qkv[source + HALF];
  let position = positions[n];
  let base = bases[n];
  var row = base + position;
  if (call.ring != 0) { row = base * call.ring + position % call.ring; }
  if (head >= HEADS + KV_HEADS) {
    let at = (row * KV_HEADS + head - HEADS - KV_HEADS) * 2 * HALF + i;
    values[at] = low;
    values[at + HALF] = high;
    return;
  }
  let pair = (position * HALF + i) * PAIRS / 2;
  let turns = turnsOf(ropeTable[pair], ropeTable[pair + PAIRS / 4]);
  let rotatedLow = low * turns[0] - high * turns[1];
  let rotatedHigh = high * turns[0] + low * turns[1];
  if (head < HEADS) {
    let at = (n * HEADS + head) * 2 * HALF + i;
    queries[at] = rotatedLow;
    queries[at + HALF] = rotatedHigh;
  } else {
    let at = (row * KV_HEADS + head - HEADS) * 2 * HALF + i;
    keys[at] = rotatedLow;
    keys[at + HALF] = rotatedHigh;
  }
}
