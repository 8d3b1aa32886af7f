// Of each span of SPAN columns of a row of logits: the largest logit, as it is, and the sum of exp of what all are
// below it after cap and temperature. draw.wgsl draws from these, and then from one or a few spans. Where a logit is
// not finite the sum is far below zero, as the row's then is. One invocation a span and row; columns are taken four
// by four in order.
@group(0) @binding(3) var<storage, read_write> masses: array<vec2f>;      // (M, spans) largest, sum
@group(0) @binding(4) var<uniform> call: Call;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let m = id.y;
  let first = SPAN * id.x;
  if (first >= call.columns || m >= batch.targets) { return; }
  let at = firstOf(m) + first / 4;
  let count = min(SPAN, call.columns - first);
  let columns = vec4u(0, 1, 2, 3);
  var most = vec4f(-LARGEST);
  var finite = true;
  for (var c = 0u; c < count; c += 4) {
    let four = select(vec4f(-LARGEST), logits[at + c / 4], c + columns < vec4u(count));
    most = max(most, four);
    // By its bits, as caps and drivers make numbers of what is none.
    finite = finite && all((bitcast<vec4u>(four) & vec4u(0x7f800000)) != vec4u(0x7f800000));
  }
  let largest = max(max(most.x, most.y), max(most.z, most.w));
  let top = softCap(largest, LOGIT_CAP);
  let scale = inverseTemperatures[m];
  var sums = vec4f();
  for (var c = 0u; c < count; c += 4) {
    let below = exp((softCap4(logits[at + c / 4], LOGIT_CAP) - top) * scale);
    sums += select(vec4f(), below, c + columns < vec4u(count));
  }
  let mass = select(vec2f(LARGEST, -LARGEST), vec2f(largest, sums.x + sums.y + sums.z + sums.w), finite);
  masses[m * spans() + id.x] = mass;
}
