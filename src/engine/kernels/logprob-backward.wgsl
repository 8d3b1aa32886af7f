// A tile of logits becomes the gradient of -sum_m advantages[m] * logprob[m], in place; padding columns
// become 0.
@group(0) @binding(3) var<storage, read> advantages: array<f32>;          // (M)
@group(0) @binding(4) var<storage, read> running: array<vec4f>;           // (M) maximum, sum, the target's logit, log-sum
@group(0) @binding(5) var<storage, read_write> logits: array<vec4f>;      // (M, STRIDE)

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let m = id.y;
  if (4 * id.x >= call.stride || m >= batch.targets) { return; }
  let at = m * call.stride / 4 + id.x;
  let columns = 4 * id.x + vec4u(0, 1, 2, 3);
  let capped = softCap4(logits[at], LOGIT_CAP);
  let hit = select(vec4f(), vec4f(1), vec4u(tokens[targets[m]] - call.first) == columns);
  let scale = inverseTemperatures[m];
  let slope = softCapSlope4(capped, LOGIT_CAP) * scale;
  let d = advantages[m] * (exp(capped * scale - running[m].w) - hit) * slope;
  logits[at] = select(vec4f(), d, columns < vec4u(call.columns));
}
