// dkeys and dvalues of attention.wgsl. A workgroup has a block of consecutive tokens of one row as keys, one
// per lane, and walks over the queries that can see them: one writer per key, in a fixed order.

@compute @workgroup_size(KEY_LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let block = blocks[group.x];
  let inside = lane.x < block.y;
  let token = block.x + select(0, lane.x, inside);
  let key = token * KV_SIZE4 + group.y * HEAD4;

  var k: array<vec4f, HEAD4>;
  var v: array<vec4f, HEAD4>;
  var dk: array<vec4f, HEAD4>;
  var dv: array<vec4f, HEAD4>;
  for (var d = 0u; d < HEAD4; d++) {
    k[d] = keys[key + d];
    v[d] = values[key + d];
    dk[d] = vec4f();
    dv[d] = vec4f();
  }
  var end = block.z;
  if (call.window != 0) { end = min(end, block.x + block.y - 1 + call.window); }
  for (var n = block.x; n < end; n++) {
    let seen = n >= token && (call.window == 0 || n - token < call.window);
    for (var h = 0u; h < GROUP; h++) {
      let head = group.y * GROUP + h;
      let query = n * Q_SIZE4 + head * HEAD4;
      var score = 0f;
      var dweight = 0f;
      for (var d = 0u; d < HEAD4; d++) {
        score += dot(k[d], queries[query + d]);
        dweight += dot(v[d], dmixed[query + d]);
      }
      score = softCap(score * ATTENTION_SCALE, ATTENTION_CAP);
      if (seen) {
        let stat = stats[n * HEADS + head];
        let weight = exp(score - stat.x);
        let dscore = weight * (dweight - stat.y) * softCapSlope(score, ATTENTION_CAP) * ATTENTION_SCALE;
        for (var d = 0u; d < HEAD4; d++) {
          dk[d] += queries[query + d] * dscore;
          dv[d] += dmixed[query + d] * weight;
        }
      }
    }
  }
  if (inside) {
    for (var d = 0u; d < HEAD4; d++) {
      dkeys[key + d] = dk[d];
      dvalues[key + d] = dv[d];
    }
  }
}
