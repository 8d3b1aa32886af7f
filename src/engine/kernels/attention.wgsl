// Causal attention over a token's own row, by online softmax (arXiv 1805.02867); scores are capped softly.
// A workgroup has one block of consecutive tokens of one row and the query heads that share one key head, so
// the loop over keys is uniform and the keys' loads are too: on software drivers that is what makes it fast.
// A key outside a lane's reach leaves the lane's state untouched, so a result does not depend on its block.
// Keys and values of position j are in row base + j; with a ring of R rows for each slot, in slot * R + j %
// R.

@compute @workgroup_size(ATTENTION_LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let block = blocks[group.x];
  let asked = askedBy(lane.x, block, group.y);
  let query = asked.token * Q_SIZE4 + asked.head * HEAD4;

  var q: array<vec4f, HEAD4>;
  var sum: array<vec4f, HEAD4>;
  for (var d = 0u; d < HEAD4; d++) {
    q[d] = queries[query + d];
    sum[d] = vec4f();
  }
  var greatest = -1e30f;
  var total = 0f;
  let nearest = windowStart(asked.position, call.window);
  let first = windowStart(block.w, call.window);
  var base = block.z;
  var place = first;
  if (call.ring != 0) {
    base *= call.ring;
    place %= call.ring;
  }
  for (var j = first; j < block.w + block.y; j++) {
    let key = (base + place) * KV_SIZE4 + group.y * HEAD4;
    // Counted, not divided: a division costs as much as a score on software drivers.
    place = select(place + 1, 0, place + 1 == call.ring);
    var score = 0f;
    for (var d = 0u; d < HEAD4; d++) {
      score += dot(q[d], keys[key + d]);
    }
    score = softCap(score * ATTENTION_SCALE, ATTENTION_CAP);
    if (j >= nearest && j <= asked.position) {
      let higher = max(greatest, score);
      let shrink = exp(greatest - higher);
      let weight = exp(score - higher);
      greatest = higher;
      total = total * shrink + weight;
      for (var d = 0u; d < HEAD4; d++) {
        sum[d] = sum[d] * shrink + values[key + d] * weight;
      }
    }
  }
  if (asked.inside) {
    for (var d = 0u; d < HEAD4; d++) {
      mixed[query + d] = sum[d] / total;
    }
    stats[asked.token * HEADS + asked.head] = vec2f(greatest + log(total), 0);
  }
}
