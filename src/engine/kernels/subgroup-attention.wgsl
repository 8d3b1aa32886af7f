// attention.wgsl for software adapters: a subgroup is a workgroup. Each lane has a query, as there, and reads
// one of SUBGROUP keys and its value, which all lanes then use by broadcast. Keys are taken by the multiples
// of SUBGROUP of their positions, and one that is outside a lane's reach weighs 0: a result does not depend
// on its block. Numbers of an array that a loop uses again and again are variables of their own: lavapipe then
// unrolls the loops around it and keeps the array in registers, and reads it from memory otherwise.

@compute @workgroup_size(SUBGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let block = blocks[group.x];
  let asked = askedBy(lane, block, group.y);
  let query = asked.token * Q_SIZE4 + asked.head * HEAD4;

  var q: array<vec4f, HEAD4>;
  var sum: array<vec4f, HEAD4>;
  for (var d = 0u; d < HEAD4; d++) {
    q[d] = queries[query + d];
  }
  var greatest = -1e30f;
  var total = 0f;
  let nearest = windowStart(asked.position, call.window);
  let first = windowStart(block.w, call.window);
  let last = block.w + block.y - 1;
  for (var j = first - first % SUBGROUP; j <= last; j += SUBGROUP) {
    let key = rowOf(block.z, clamp(j + lane, first, last)) * KV_SIZE4 + group.y * HEAD4;
    // Without a value of its own Dawn (0.6.2) leaves what the iteration before put there.
    var products = array<vec4f, SUBGROUP>();
    for (var d = 0u; d < HEAD4; d++) {
      let all = ofLanes(keys[key + d]);
      let own = q[d];
      for (var i = 0u; i < SUBGROUP; i++) {
        products[i] = fma(own, all[i], products[i]);
      }
    }
    var weights: array<f32, SUBGROUP>;
    var higher = greatest;
    for (var i = 0u; i < SUBGROUP; i++) {
      let seen = j + i >= nearest && j + i <= asked.position;
      let score = softCap(dot(products[i], vec4f(1)) * ATTENTION_SCALE, ATTENTION_CAP);
      weights[i] = select(-1e30, score, seen);
      higher = max(higher, weights[i]);
    }
    let shrink = exp(greatest - higher);
    greatest = higher;
    total *= shrink;
    for (var i = 0u; i < SUBGROUP; i++) {
      // Where nothing was seen yet, the greatest score is that of what is not seen.
      weights[i] = select(0, exp(weights[i] - higher), weights[i] > -1e30);
      total += weights[i];
    }
    for (var d = 0u; d < HEAD4; d++) {
      let all = ofLanes(values[key + d]);
      var own = sum[d] * shrink;
      for (var i = 0u; i < SUBGROUP; i++) {
        own = fma(all[i], vec4f(weights[i]), own);
      }
      sum[d] = own;
    }
  }
  if (asked.inside) {
    for (var d = 0u; d < HEAD4; d++) {
      mixed[query + d] = sum[d] / total;
    }
    stats[asked.token * HEADS + asked.head] = vec2f(greatest + log(total), 0);
  }
}

// The row of a position's key and value.
fn rowOf(base: u32, position: u32) -> u32 {
  if (call.ring == 0) { return base + position; }
  return base * call.ring + position % call.ring;
}
