// Takes a tile of the logits (columns FIRST to FIRST + COLUMNS of the vocabulary), divided by the
// temperature, into the running maximum and sum of each target, and writes the logprob, which is right after
// the last tile. A row is a target's.
@group(0) @binding(3) var<storage, read> logits: array<vec4f>;            // (M, STRIDE), not capped
@group(0) @binding(4) var<storage, read_write> running: array<vec4f>;     // (M) maximum, sum, the target's logit, log-sum
@group(0) @binding(5) var<storage, read_write> logprobs: array<f32>;      // (M)

fn rows() -> u32 { return batch.targets; }

fn ofRow(m: u32, lane: u32) {
  let columns = call.columns;
  let row = m * call.stride / 4;
  let scale = inverseTemperatures[m];
  var state = running[m];
  if (call.first == 0) { state = vec4f(-1e30, 0, 0, 0); }
  var greatest = state.x;
  for (var c = lane; 4 * c < columns; c += LANES) {
    let inside = 4 * c + vec4u(0, 1, 2, 3) < vec4u(columns);
    let most = select(vec4f(-1e30), softCap4(logits[row + c], LOGIT_CAP) * scale, inside);
    greatest = max(greatest, max(max(most.x, most.y), max(most.z, most.w)));
  }
  greatest = rowMost(greatest, lane);
  var sum = select(0, state.y * exp(state.x - greatest), lane == 0);
  for (var c = lane; 4 * c < columns; c += LANES) {
    let inside = 4 * c + vec4u(0, 1, 2, 3) < vec4u(columns);
    let each = select(vec4f(), exp(softCap4(logits[row + c], LOGIT_CAP) * scale - greatest), inside);
    // In the order of the columns.
    sum = sum + each.x + each.y + each.z + each.w;
  }
  sum = rowSum(sum, lane);
  if (lane > 0) { return; }
  let column = tokens[targets[m]] - call.first;  // wraps to a large number where the target is in an earlier tile
  if (column < call.columns) { state.z = softCap(logits[row + column / 4][column % 4], LOGIT_CAP) * scale; }
  let logSum = greatest + log(sum);
  running[m] = vec4f(greatest, sum, state.z, logSum);
  logprobs[m] = state.z - logSum;
}
