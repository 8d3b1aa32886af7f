// attention-backward-keys.wgsl for GPUs: SHARE lanes have a key together, each every SHARE-th vec4 of it, and
// take SHARE queries at a time, as in lanes-attention.wgsl: first all heads of a token, then the next
// token's.

const SLICE = HEAD4 / SHARE;
// Of a score, and of its weight's gradient.
var<workgroup> parts: array<vec2f, KEY_LANES * SHARE * (SHARE + 1)>;
// The score's gradient, and the weight; both 0 where the query does not see the key.
var<workgroup> factors: array<vec2f, KEY_LANES * SHARE>;

@compute @workgroup_size(KEY_LANES * SHARE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let block = blocks[group.x];
  let own = index / SHARE;
  let share = index % SHARE;
  let inside = own < block.y;
  let token = block.x + select(0, own, inside);
  let key = token * KV_SIZE4 + group.y * HEAD4 + share;

  var k: array<vec4f, SLICE>;
  var v: array<vec4f, SLICE>;
  var dk: array<vec4f, SLICE>;
  var dv: array<vec4f, SLICE>;
  for (var d = 0u; d < SLICE; d++) {
    k[d] = keys[key + d * SHARE];
    v[d] = values[key + d * SHARE];
  }
  var last = block.z;
  if (call.window != 0) { last = min(last, block.x + block.y - 1 + call.window); }
  // Query m is head m % GROUP of token m / GROUP.
  let end = last * GROUP;
  for (var m = block.x * GROUP; m < end; m += SHARE) {
    if (inside) {
      for (var i = 0u; i < min(SHARE, end - m); i++) {
        let query = queryOf(m + i, group.y) + share;
        var both = vec2f();
        for (var d = 0u; d < SLICE; d++) {
          both += vec2f(dot(k[d], queries[query + d * SHARE]), dot(v[d], dmixed[query + d * SHARE]));
        }
        parts[(own * SHARE + i) * (SHARE + 1) + share] = both;
      }
    }
    workgroupBarrier();
    var both = vec2f();
    for (var i = 0u; i < SHARE; i++) {
      both += parts[index * (SHARE + 1) + i];
    }
    let n = (m + share) / GROUP;
    let stat = stats[min(n, last - 1) * HEADS + group.y * GROUP + (m + share) % GROUP];
    let score = softCap(both.x * ATTENTION_SCALE, ATTENTION_CAP);
    let weight = exp(score - stat.x);
    let dscore = weight * (both.y - stat.y) * softCapSlope(score, ATTENTION_CAP) * ATTENTION_SCALE;
    let seen = n < last && n >= token && (call.window == 0 || n - token < call.window);
    factors[index] = select(vec2f(), vec2f(dscore, weight), seen);
    workgroupBarrier();
    if (inside) {
      for (var i = 0u; i < min(SHARE, end - m); i++) {
        let query = queryOf(m + i, group.y) + share;
        let factor = factors[own * SHARE + i];
        for (var d = 0u; d < SLICE; d++) {
          dk[d] += queries[query + d * SHARE] * factor.x;
          dv[d] += dmixed[query + d * SHARE] * factor.y;
        }
      }
    }
  }
  if (inside) {
    for (var d = 0u; d < SLICE; d++) {
      dkeys[key + d * SHARE] = dk[d];
      dvalues[key + d * SHARE] = dv[d];
    }
  }
}

fn queryOf(m: u32, keyHead: u32) -> u32 {
  return m / GROUP * Q_SIZE4 + (keyHead * GROUP + m % GROUP) * HEAD4;
}
