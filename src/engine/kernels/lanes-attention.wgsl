// attention.wgsl for GPUs: SHARE lanes have a query together, each every SHARE-th vec4 of its head, so that a
// head of 256 stays in registers. They take SHARE keys at a time: each lane has its part of every score, then
// one lane adds up one score's parts, in order. Each key then changes the state by itself, as there: a result
// does not depend on its block.

const SLICE = HEAD4 / SHARE;
// Lines of one more than SHARE, so that lanes are in different banks.
var<workgroup> parts: array<f32, ATTENTION_LANES * SHARE * (SHARE + 1)>;
var<workgroup> scores: array<f32, ATTENTION_LANES * SHARE>;

@compute @workgroup_size(ATTENTION_LANES * SHARE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let block = blocks[group.x];
  let own = index / SHARE;
  let share = index % SHARE;
  let asked = askedBy(own, block, group.y);
  let query = asked.token * Q_SIZE4 + asked.head * HEAD4 + share;

  var q: array<vec4f, SLICE>;
  var sum: array<vec4f, SLICE>;
  for (var d = 0u; d < SLICE; d++) {
    q[d] = queries[query + d * SHARE];
  }
  var greatest = -1e30f;
  var total = 0f;
  let nearest = windowStart(asked.position, call.window);
  let first = windowStart(block.w, call.window);
  let end = block.w + block.y;
  var base = block.z;
  var place = first;
  if (call.ring != 0) {
    base *= call.ring;
    place %= call.ring;
  }
  for (var j = first; j < end; j += SHARE) {
    if (asked.inside) {
      for (var i = 0u; i < min(SHARE, end - j); i++) {
        let key = rowOf(base, place + i) * KV_SIZE4 + group.y * HEAD4 + share;
        var part = 0f;
        for (var d = 0u; d < SLICE; d++) {
          part += dot(q[d], keys[key + d * SHARE]);
        }
        parts[(own * SHARE + i) * (SHARE + 1) + share] = part;
      }
    }
    workgroupBarrier();
    var score = 0f;
    for (var i = 0u; i < SHARE; i++) {
      score += parts[index * (SHARE + 1) + i];
    }
    scores[index] = softCap(score * ATTENTION_SCALE, ATTENTION_CAP);
    workgroupBarrier();
    if (asked.inside) {
      for (var i = 0u; i < min(SHARE, end - j); i++) {
        if (j + i < nearest || j + i > asked.position) { continue; }
        let value = rowOf(base, place + i) * KV_SIZE4 + group.y * HEAD4 + share;
        let score = scores[own * SHARE + i];
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
  if (asked.inside) {
    for (var d = 0u; d < SLICE; d++) {
      mixed[query + d * SHARE] = sum[d] / total;
    }
    if (share == 0) { stats[asked.token * HEADS + asked.head] = vec2f(greatest + log(total), 0); }
  }
}

// A key's row, of a ring or not: `place` is at most once beyond the ring's end where the key is one that
// counts.
fn rowOf(base: u32, place: u32) -> u32 {
  return base + select(place, place - call.ring, call.ring != 0 && place >= call.ring);
}
