// attention-backward-queries.wgsl for GPUs: SHARE lanes have a query together, as in lanes-attention.wgsl.
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

const SLICE = HEAD4 / SHARE;
// Of a score, and of its weight's gradient.
var<workgroup> parts: array<vec2f, ATTENTION_LANES * SHARE * (SHARE + 1)>;
var<workgroup> dscores: array<f32, ATTENTION_LANES * SHARE>;

@compute @workgroup_size(ATTENTION_LANES * SHARE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let block = blocks[group.x];
  let asked = index / SHARE;
  let share = index % SHARE;
  let offset = asked / GROUP;
  let inside = offset < block.y;
  let token = block.x + select(0, offset, inside);
  let position = block.w + select(0, offset, inside);
  let head = group.y * GROUP + asked % GROUP;
  let query = token * Q_SIZE4 + head * HEAD4 + share;

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
    delta += dscores[asked * SHARE + i];
  }
  let logSum = stats[token * HEADS + head].x;
  let nearest = windowStart(position, call.window);
  let end = block.w + block.y;
  for (var j = windowStart(block.w, call.window); j < end; j += SHARE) {
    if (inside) {
      for (var i = 0u; i < min(SHARE, end - j); i++) {
        let key = (block.z + j + i) * KV_SIZE4 + group.y * HEAD4 + share;
        var both = vec2f();
        for (var d = 0u; d < SLICE; d++) {
          both += vec2f(dot(q[d], keys[key + d * SHARE]), dot(dm[d], values[key + d * SHARE]));
        }
        parts[(asked * SHARE + i) * (SHARE + 1) + share] = both;
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
    if (inside) {
      for (var i = 0u; i < min(SHARE, end - j); i++) {
        if (j + i < nearest || j + i > position) { continue; }
        let key = (block.z + j + i) * KV_SIZE4 + group.y * HEAD4 + share;
        let dscore = dscores[asked * SHARE + i];
        for (var d = 0u; d < SLICE; d++) {
          sum[d] += keys[key + d * SHARE] * dscore;
        }
      }
    }
  }
  if (inside) {
    for (var d = 0u; d < SLICE; d++) {
      dqueries[query + d * SHARE] = sum[d];
    }
    if (share == 0) { stats[token * HEADS + head] = vec2f(logSum, delta); }
  }
}
