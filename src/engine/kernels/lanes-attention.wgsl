// attention.wgsl for GPUs: SHARE lanes have a query together, each every SHARE-th vec4 of its head, so that a
// head of 256 stays in registers. They take SHARE keys at a time: each lane has its part of every score, then
// one lane adds up one score's parts, in order. Each key then changes the state by itself, as there: a result
// does not depend on its block.
struct Call {
  window: u32,
  ring: u32, // 0: none
}
@group(0) @binding(0) var<storage, read> blocks: array<vec4u>;         // first token, count, base or slot, first position
@group(0) @binding(1) var<storage, read> queries: array<vec4f>;        // (N, Q_SIZE)
@group(0) @binding(2) var<storage, read> keys: array<vec4f>;           // (rows, KV_SIZE)
@group(0) @binding(3) var<storage, read> values: array<vec4f>;         // (rows, KV_SIZE)
@group(0) @binding(4) var<storage, read_write> mixed: array<vec4f>;    // (N, Q_SIZE)
@group(0) @binding(5) var<storage, read_write> stats: array<vec2f>;    // (N, HEADS) log of the sum of exponents; unused
@group(0) @binding(6) var<uniform> call: Call;

const SLICE = HEAD4 / SHARE;
// Lines of one more than SHARE, so that lanes are in different banks.
var<workgroup> parts: array<f32, ATTENTION_LANES * SHARE * (SHARE + 1)>;
var<workgroup> scores: array<f32, ATTENTION_LANES * SHARE>;

@compute @workgroup_size(ATTENTION_LANES * SHARE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let block = blocks[group.x];
  let asked = index / SHARE;
  let share = index % SHARE;
  let offset = asked / GROUP;
  let inside = offset < block.y;
  let token = block.x + select(0, offset, inside);
  let position = block.w + select(0, offset, inside);
  let head = group.y * GROUP + asked % GROUP;
  let query = token * Q_SIZE4 + head * HEAD4 + share;

  var q: array<vec4f, SLICE>;
  var sum: array<vec4f, SLICE>;
  for (var d = 0u; d < SLICE; d++) {
    q[d] = queries[query + d * SHARE];
  }
  var greatest = -1e30f;
  var total = 0f;
  let nearest = windowStart(position, call.window);
  let first = windowStart(block.w, call.window);
  let end = block.w + block.y;
  var base = block.z;
  var place = first;
  if (call.ring != 0) {
    base *= call.ring;
    place %= call.ring;
  }
  for (var j = first; j < end; j += SHARE) {
    if (inside) {
      for (var i = 0u; i < min(SHARE, end - j); i++) {
        let key = rowOf(base, place + i) * KV_SIZE4 + group.y * HEAD4 + share;
        var part = 0f;
        for (var d = 0u; d < SLICE; d++) {
          part += dot(q[d], keys[key + d * SHARE]);
        }
        parts[(asked * SHARE + i) * (SHARE + 1) + share] = part;
      }
    }
    workgroupBarrier();
    var score = 0f;
    for (var i = 0u; i < SHARE; i++) {
      score += parts[index * (SHARE + 1) + i];
    }
    scores[index] = softCap(score * ATTENTION_SCALE, ATTENTION_CAP);
    workgroupBarrier();
    if (inside) {
      for (var i = 0u; i < min(SHARE, end - j); i++) {
        if (j + i < nearest || j + i > position) { continue; }
        let value = rowOf(base, place + i) * KV_SIZE4 + group.y * HEAD4 + share;
        let score = scores[asked * SHARE + i];
        let higher = max(greatest, score);
        let shrink = exp(greatest - higher);
        let weight = exp(score - higher);
        greatest = higher;
        total = total * shrink + weight;
        for (var d = 0u; d < SLICE; d++) {
          sum[d] = sum[d] * shrink + values[value + d * SHARE] * weight;
        }
      }
    }
    place += SHARE;
    if (call.ring != 0) { place %= call.ring; }
  }
  if (inside) {
    for (var d = 0u; d < SLICE; d++) {
      mixed[query + d * SHARE] = sum[d] / total;
    }
    if (share == 0) { stats[token * HEADS + head] = vec2f(greatest + log(total), 0); }
  }
}

// A key's row, of a ring or not: `place` is at most once beyond the ring's end where the key is one that
// counts.
fn rowOf(base: u32, place: u32) -> u32 {
  return base + select(place, place - call.ring, call.ring != 0 && place >= call.ring);
}
