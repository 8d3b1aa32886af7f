// attention-backward-keys.wgsl for software adapters: a subgroup is a workgroup. Each lane has a key, as
// there, and reads one of SUBGROUP queries, counted token by token and head by head, which all lanes then use
// by broadcast.

@compute @workgroup_size(SUBGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let block = blocks[group.x];
  let inside = lane < block.y;
  let token = block.x + select(0, lane, inside);
  let key = token * KV_SIZE4 + group.y * HEAD4;

  var k: array<vec4f, HEAD4>;
  var v: array<vec4f, HEAD4>;
  var dk: array<vec4f, HEAD4>;
  var dv: array<vec4f, HEAD4>;
  for (var d = 0u; d < HEAD4; d++) {
    k[d] = keys[key + d];
    v[d] = values[key + d];
  }
  var end = block.z;
  if (call.window != 0) { end = min(end, block.x + block.y - 1 + call.window); }
  let count = (end - block.x) * GROUP;
  for (var at = 0u; at < count; at += SUBGROUP) {
    let asked = min(at + lane, count - 1);
    let head = group.y * GROUP + asked % GROUP;
    let query = (block.x + asked / GROUP) * Q_SIZE4 + head * HEAD4;
    let stat = ofLanes(vec4f(stats[(block.x + asked / GROUP) * HEADS + head], 0, 0));
    var q: array<vec4f, HEAD4>;
    var dm: array<vec4f, HEAD4>;
    var scores = array<vec4f, SUBGROUP>();
    var dweights = array<vec4f, SUBGROUP>();
    for (var d = 0u; d < HEAD4; d++) {
      let ownQuery = queries[query + d];
      let ownMixed = dmixed[query + d];
      let ownKey = k[d];
      let ownValue = v[d];
      q[d] = ownQuery;
      dm[d] = ownMixed;
      let allQueries = ofLanes(ownQuery);
      let allMixed = ofLanes(ownMixed);
      for (var i = 0u; i < SUBGROUP; i++) {
        scores[i] = fma(ownKey, allQueries[i], scores[i]);
        dweights[i] = fma(ownValue, allMixed[i], dweights[i]);
      }
    }
    var weights: array<f32, SUBGROUP>;
    var dscores: array<f32, SUBGROUP>;
    for (var i = 0u; i < SUBGROUP; i++) {
      let n = block.x + (at + i) / GROUP;
      let seen = at + i < count && n >= token && (call.window == 0 || n - token < call.window);
      let score = softCap(dot(scores[i], vec4f(1)) * ATTENTION_SCALE, ATTENTION_CAP);
      let slope = softCapSlope(score, ATTENTION_CAP) * ATTENTION_SCALE;
      weights[i] = select(0, exp(score - stat[i].x), seen);
      dscores[i] = weights[i] * (dot(dweights[i], vec4f(1)) - stat[i].y) * slope;
    }
    for (var d = 0u; d < HEAD4; d++) {
      let allQueries = ofLanes(q[d]);
      let allMixed = ofLanes(dm[d]);
      var dkey = dk[d];
      var dvalue = dv[d];
      for (var i = 0u; i < SUBGROUP; i++) {
        dkey = fma(allQueries[i], vec4f(dscores[i]), dkey);
        dvalue = fma(allMixed[i], vec4f(weights[i]), dvalue);
      }
      dk[d] = dkey;
      dv[d] = dvalue;
    }
  }
  if (inside) {
    for (var d = 0u; d < HEAD4; d++) {
      dkeys[key + d] = dk[d];
      dvalues[key + d] = dv[d];
    }
  }
}
