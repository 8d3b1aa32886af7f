// Takes a tile of the logits (columns FIRST to FIRST + COLUMNS of the vocabulary), divided by the
// temperature, into the running maximum and sum of each target, and writes the logprob, which is right after
// the last tile. One invocation per target.
@group(0) @binding(3) var<storage, read> logits: array<f32>;              // (M, STRIDE), not capped
@group(0) @binding(4) var<storage, read_write> running: array<vec4f>;     // (M) maximum, sum, the target's logit, log-sum
@group(0) @binding(5) var<storage, read_write> logprobs: array<f32>;      // (M)

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let m = id.x;
  if (m >= batch.targets) { return; }
  let columns = call.columns;
  let scale = inverseTemperatures[m];
  var state = running[m];
  if (call.first == 0) { state = vec4f(-1e30, 0, 0, 0); }
  var greatest = state.x;
  for (var c = 0u; c < columns; c++) {
    greatest = max(greatest, softCap(logits[m * call.stride + c], LOGIT_CAP) * scale);
  }
  var sum = state.y * exp(state.x - greatest);
  for (var c = 0u; c < columns; c++) {
    sum += exp(softCap(logits[m * call.stride + c], LOGIT_CAP) * scale - greatest);
  }
  let column = tokens[targets[m]] - call.first;  // wraps to a large number where the target is in an earlier tile
  if (column < call.columns) { state.z = softCap(logits[m * call.stride + column], LOGIT_CAP) * scale; }
  let logSum = greatest + log(sum);
  running[m] = vec4f(greatest, sum, state.z, logSum);
  logprobs[m] = state.z - logSum;
}
