// dqueries of attention.wgsl, in the same blocks; probabilities are computed again from the kept log-sums.
// Leaves dot(dmixed, mixed) of each query beside its log-sum, for the keys' pass.

@compute @workgroup_size(ATTENTION_LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let block = blocks[group.x];
  let asked = askedBy(lane.x, block, group.y);
  let query = asked.token * Q_SIZE4 + asked.head * HEAD4;

  var q: array<vec4f, HEAD4>;
  var dm: array<vec4f, HEAD4>;
  var sum: array<vec4f, HEAD4>;
  var delta = 0f;
  for (var d = 0u; d < HEAD4; d++) {
    q[d] = queries[query + d];
    dm[d] = dmixed[query + d];
    delta += dot(dm[d], mixed[query + d]);
    sum[d] = vec4f();
  }
  let logSum = stats[asked.token * HEADS + asked.head].x;
  let nearest = windowStart(asked.position, call.window);
  for (var j = windowStart(block.w, call.window); j < block.w + block.y; j++) {
    let key = (block.z + j) * KV_SIZE4 + group.y * HEAD4;
    var score = 0f;
    var dweight = 0f;
    for (var d = 0u; d < HEAD4; d++) {
      score += dot(q[d], keys[key + d]);
      dweight += dot(dm[d], values[key + d]);
    }
    score = softCap(score * ATTENTION_SCALE, ATTENTION_CAP);
    if (j >= nearest && j <= asked.position) {
      let weight = exp(score - logSum);
      let dscore = weight * (dweight - delta) * softCapSlope(score, ATTENTION_CAP) * ATTENTION_SCALE;
      for (var d = 0u; d < HEAD4; d++) {
        sum[d] += keys[key + d] * dscore;
      }
    }
  }
  if (asked.inside) {
    for (var d = 0u; d < HEAD4; d++) {
      dqueries[query + d] = sum[d];
    }
    stats[asked.token * HEADS + asked.head] = vec2f(logSum, delta);
  }
}
