// attention-backward-queries.wgsl for software adapters: keys and values by broadcast, as in
// subgroup-attention.wgsl.

@compute @workgroup_size(SUBGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let block = blocks[group.x];
  let asked = askedBy(lane, block, group.y);
  let query = asked.token * Q_SIZE4 + asked.head * HEAD4;

  var q: array<vec4f, HEAD4>;
  var dm: array<vec4f, HEAD4>;
  var sum: array<vec4f, HEAD4>;
  var delta = 0f;
  for (var d = 0u; d < HEAD4; d++) {
    q[d] = queries[query + d];
    dm[d] = dmixed[query + d];
    delta += dot(dm[d], mixed[query + d]);
  }
  let logSum = stats[asked.token * HEADS + asked.head].x;
  let nearest = windowStart(asked.position, call.window);
  let first = windowStart(block.w, call.window);
  let last = block.w + block.y - 1;
  for (var j = first - first % SUBGROUP; j <= last; j += SUBGROUP) {
    let key = (block.z + clamp(j + lane, first, last)) * KV_SIZE4 + group.y * HEAD4;
    var own: array<vec4f, HEAD4>;
    var scores = array<vec4f, SUBGROUP>();
    var dweights = array<vec4f, SUBGROUP>();
    for (var d = 0u; d < HEAD4; d++) {
      let ownKey = keys[key + d];
      let ownQuery = q[d];
      let ownMixed = dm[d];
      own[d] = ownKey;
      let allKeys = ofLanes(ownKey);
      let allValues = ofLanes(values[key + d]);
      for (var i = 0u; i < SUBGROUP; i++) {
        scores[i] = fma(ownQuery, allKeys[i], scores[i]);
        dweights[i] = fma(ownMixed, allValues[i], dweights[i]);
      }
    }
    var dscores: array<f32, SUBGROUP>;
    for (var i = 0u; i < SUBGROUP; i++) {
      let score = softCap(dot(scores[i], vec4f(1)) * ATTENTION_SCALE, ATTENTION_CAP);
      let slope = softCapSlope(score, ATTENTION_CAP) * ATTENTION_SCALE;
      let dscore = exp(score - logSum) * (dot(dweights[i], vec4f(1)) - delta) * slope;
      dscores[i] = select(0, dscore, j + i >= nearest && j + i <= asked.position);
    }
    for (var d = 0u; d < HEAD4; d++) {
      let all = ofLanes(own[d]);
      var ownSum = sum[d];
      for (var i = 0u; i < SUBGROUP; i++) {
        ownSum = fma(all[i], vec4f(dscores[i]), ownSum);
      }
      sum[d] = ownSum;
    }
  }
  if (asked.inside) {
    for (var d = 0u; d < HEAD4; d++) {
      dqueries[query + d] = sum[d];
    }
    stats[asked.token * HEADS + asked.head] = vec2f(logSum, delta);
  }
}
