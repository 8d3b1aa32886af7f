// attention-backward-queries.wgsl for GPUs: SHARE lanes have a query together, as in lanes-attention.wgsl.

const SLICE = HEAD4 / SHARE;
// Of a score, and of its weight's gradient.
var<workgroup> parts: array<vec2f, ATTENTION_LANES * SHARE * (SHARE + 1)>;
var<workgroup> dscores: array<f32, ATTENTION_LANES * SHARE>;

@compute @workgroup_size(ATTENTION_LANES * SHARE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let block = blocks[group.x];
  let own = index / SHARE;
  let share = index % SHARE;
  let asked = askedBy(own, block, group.y);
  let query = asked.token * Q_SIZE4 + asked.head * HEAD4 + share;

  var q: array<vec4f, SLICE>;
  var dm: array<vec4f, SLICE>;
  var sum: array<vec4f, SLICE>;
  var part = 0f;
  for (var d = 0u; d < SLICE; d++) {
    q[d] = queries[query + d * SHARE];
    dm[d] = dmixed[query + d * SHARE];
    part += dot(dm[d], mixed[query + d * SHARE]);
  }
  // All lanes of the query add up its parts.
  dscores[index] = part;
  workgroupBarrier();
  var delta = 0f;
  for (var i = 0u; i < SHARE; i++) {
    delta += dscores[own * SHARE + i];
  }
  let logSum = stats[asked.token * HEADS + asked.head].x;
  let nearest = windowStart(asked.position, call.window);
  let end = block.w + block.y;
  for (var j = windowStart(block.w, call.window); j < end; j += SHARE) {
    if (asked.inside) {
      for (var i = 0u; i < min(SHARE, end - j); i++) {
        let key = (block.z + j + i) * KV_SIZE4 + group.y * HEAD4 + share;
        var both = vec2f();
        for (var d = 0u; d < SLICE; d++) {
          both += vec2f(dot(q[d], keys[key + d * SHARE]), dot(dm[d], values[key + d * SHARE]));
        }
        parts[(own * SHARE + i) * (SHARE + 1) + share] = both;
      }
    }
    workgroupBarrier();
    var both = vec2f();
    for (var i = 0u; i < SHARE; i++) {
      both += parts[index * (SHARE + 1) + i];
    }
    let score = softCap(both.x * ATTENTION_SCALE, ATTENTION_CAP);
    let weight = exp(score - logSum);
    dscores[index] = weight * (both.y - delta) * softCapSlope(score, ATTENTION_CAP) * ATTENTION_SCALE;
    workgroupBarrier();
    if (asked.inside) {
      for (var i = 0u; i < min(SHARE, end - j); i++) {
        if (j + i < nearest || j + i > asked.position) { continue; }
        let key = (block.z + j + i) * KV_SIZE4 + group.y * HEAD4 + share;
        let dscore = dscores[own * SHARE + i];
        for (var d = 0u; d < SLICE; d++) {
          sum[d] += keys[key + d * SHARE] * dscore;
        }
      }
    }
  }
  if (asked.inside) {
    for (var d = 0u; d < SLICE; d++) {
      dqueries[query + d * SHARE] = sum[d];
    }
    if (share == 0) { stats[asked.token * HEADS + asked.head] = vec2f(logSum, delta); }
  }
}
