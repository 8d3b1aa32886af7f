// dqueries of attention.wgsl, in the same blocks; probabilities are computed again from the kept log-sums.
// Leaves dot(dmixed, mixed) of each query beside its log-sum, for the keys' pass.
struct Call {
  window: u32,
}
@group(0) @binding(0) var<storage, read> blocks: array<vec4u>;
@group(0) @binding(1) var<storage, read> queries: array<vec4f>;         // (N, Q_SIZE)
@group(0) @binding(2) var<storage, read> keys: array<vec4f>;            // (N, KV_SIZE)
@group(0) @binding(3) var<storage, read> values: array<vec4f>;          // (N, KV_SIZE)
@group(0) @binding(4) var<storage, read> mixed: array<vec4f>;           // (N, Q_SIZE)
@group(0) @binding(5) var<storage, read> dmixed: array<vec4f>;          // (N, Q_SIZE)
@group(0) @binding(6) var<storage, read_write> stats: array<vec2f>;     // (N, HEADS) log-sum, dot(dmixed, mixed)
@group(0) @binding(7) var<storage, read_write> dqueries: array<vec4f>;  // (N, Q_SIZE)
@group(0) @binding(8) var<uniform> call: Call;

@compute @workgroup_size(ATTENTION_LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let block = blocks[group.x];
  let offset = lane.x / GROUP;
  let inside = offset < block.y;
  let token = block.x + select(0, offset, inside);
  let position = block.w + select(0, offset, inside);
  let head = group.y * GROUP + lane.x % GROUP;
  let query = token * Q_SIZE4 + head * HEAD4;

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
  let logSum = stats[token * HEADS + head].x;
  let nearest = windowStart(position, call.window);
  for (var j = windowStart(block.w, call.window); j < block.w + block.y; j++) {
    let key = (block.z + j) * KV_SIZE4 + group.y * HEAD4;
    var score = 0f;
    var dweight = 0f;
    for (var d = 0u; d < HEAD4; d++) {
      score += dot(q[d], keys[key + d]);
      dweight += dot(dm[d], values[key + d]);
    }
    score = softCap(score * ATTENTION_SCALE, ATTENTION_CAP);
    if (j >= nearest && j <= position) {
      let weight = exp(score - logSum);
      let dscore = weight * (dweight - delta) * softCapSlope(score, ATTENTION_CAP) * ATTENTION_SCALE;
      for (var d = 0u; d < HEAD4; d++) {
        sum[d] += keys[key + d] * dscore;
      }
    }
  }
  if (inside) {
    for (var d = 0u; d < HEAD4; d++) {
      dqueries[query + d] = sum[d];
    }
    stats[token * HEADS + head] = vec2f(logSum, delta);
  }
}
