// Takes a tile of the logits (columns FIRST to FIRST + COLUMNS of the vocabulary), divided by the
// temperature, into the running maximum and sum of each target, and writes the logprob, which is right after
// the last tile. A row is a target's.
@group(0) @binding(3) var<storage, read> logits: array<f32>;              // (M, STRIDE), not capped
@group(0) @binding(4) var<storage, read_write> running: array<vec4f>;     // (M) maximum, sum, the target's logit, log-sum
@group(0) @binding(5) var<storage, read_write> logprobs: array<f32>;      // (M)

fn rows() -> u32 { return batch.targets; }

fn ofRow(m: u32, lane: u32) {
  let columns = call.columns;
  let scale = inverseTemperatures[m];
  var state = running[m];
  if (call.first == 0) { state = vec4f(-1e30, 0, 0, 0); }
  var greatest = state.x;
  for (var c = lane; c < columns; c += LANES) {
    greatest = max(greatest, softCap(logits[m * call.stride + c], LOGIT_CAP) * scale);
  }
  greatest = rowMost(greatest, lane);
  var sum = select(0, state.y * exp(state.x - greatest), lane == 0);
  for (var c = lane; c < columns; c += LANES) {
    sum += exp(softCap(logits[m * call.stride + c], LOGIT_CAP) * scale - greatest);
  }
  sum = rowSum(sum, lane);
  if (lane > 0) { return; }
  let column = tokens[targets[m]] - call.first;  // wraps to a large number where the target is in an earlier tile
  if (column < call.columns) { state.z = softCap(logits[m * call.stride + column], LOGIT_CAP) * scale; }
  let logSum = greatest + log(sum);
  running[m] = vec4f(greatest, sum, state.z, logSum);
  logprobs[m] = state.z - logSum;
}
