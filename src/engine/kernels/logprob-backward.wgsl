// A tile of logits becomes the gradient of -sum_m advantages[m] * logprob[m], in place; padding columns
// become 0.
@group(0) @binding(3) var<storage, read> advantages: array<f32>;          // (M)
@group(0) @binding(4) var<storage, read> running: array<vec4f>;           // (M) maximum, sum, the target's logit, log-sum
@group(0) @binding(5) var<storage, read_write> logits: array<f32>;        // (M, STRIDE)

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let m = id.y;
  if (id.x >= call.stride || m >= batch.targets) { return; }
  let capped = softCap(logits[m * call.stride + id.x], LOGIT_CAP);
  let hit = select(0f, 1f, tokens[targets[m]] == call.first + id.x);
  let scale = inverseTemperatures[m];
  let slope = softCapSlope(capped, LOGIT_CAP) * scale;
  let d = advantages[m] * (exp(capped * scale - running[m].w) - hit) * slope;
  logits[m * call.stride + id.x] = select(0, d, id.x < call.columns);
}
