// The gradient of rope.wgsl: rotates back, and joins the three gradients again.
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> positions: array<u32>;       // (N)
@group(0) @binding(2) var<storage, read> ropeTable: array<vec4f>;         // (positions, HEAD_SIZE / 2) cosine, sine
@group(0) @binding(3) var<storage, read> dqueries: array<Pairs>;        // (N, Q_SIZE)
@group(0) @binding(4) var<storage, read> dkeys: array<Pairs>;           // (N, KV_SIZE)
@group(0) @binding(5) var<storage, read> dvalues: array<Pairs>;         // (N, KV_SIZE)
@group(0) @binding(6) var<storage, read_write> dqkv: array<Pairs>;      // (N, QKV_SIZE)

const HALF = HEAD_SIZE / 2 / PAIRS;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n = id.y;
  if (id.x >= QKV_SIZE / 2 / PAIRS || n >= batch.tokens) { return; }
  let head = id.x / HALF;
  let i = id.x % HALF;
  let to = (n * (HEADS + 2 * KV_HEADS) + head) * 2 * HALF + i;
  if (head >= HEADS + KV_HEADS) {
    let at = (n * KV_HEADS + head - HEADS - KV_HEADS) * 2 * HALF + i;
    dqkv[to] = dvalues[at];
    dqkv[to + HALF] = dvalues[at + HALF];
    return;
  }
  var low = Pairs();
  var high = Pairs();
  if (head < HEADS) {
    let at = (n * HEADS + head) * 2 * HALF + i;
    low = dqueries[at];
    high = dqueries[at + HALF];
  } else {
    let at = (n * KV_HEADS + head - HEADS) * 2 * HALF + i;
    low = dkeys[at];
    high = dkeys[at + HALF];
  }
  let pair = (positions[n] * HALF + i) * PAIRS / 2;
  let turns = turnsOf(ropeTable[pair], ropeTable[pair + PAIRS / 4]);
  dqkv[to] = low * turns[0] + high * turns[1];
  dqkv[to + HALF] = high * turns[0] - low * turns[1];
}
