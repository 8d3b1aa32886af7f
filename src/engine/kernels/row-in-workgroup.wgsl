// As row-in-lane.wgsl, for GPUs: a workgroup has a row, so that neighboring lanes read neighbors in memory, and
// a few rows keep many lanes busy. Each lane adds up every LANES-th column, and the lanes' sums are added in
// pairs: an order that depends on nothing but the row's length.
const LANES = 128u;
var<workgroup> ofLanes: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= rows()) { return; }
  ofRow(row, lane);
}

fn rowSum(own: f32, lane: u32) -> f32 {
  ofLanes[lane] = own;
  for (var half = LANES / 2; half > 0; half /= 2) {
    workgroupBarrier();
    if (lane < half) { ofLanes[lane] += ofLanes[lane + half]; }
  }
  return workgroupUniformLoad(&ofLanes[0]);
}

fn rowMost(own: f32, lane: u32) -> f32 {
  ofLanes[lane] = own;
  for (var half = LANES / 2; half > 0; half /= 2) {
    workgroupBarrier();
    if (lane < half) { ofLanes[lane] = max(ofLanes[lane], ofLanes[lane + half]); }
  }
  return workgroupUniformLoad(&ofLanes[0]);
}

fn rowShare(own: f32, part: f32, lane: u32) -> f32 {
  ofLanes[lane] = own;
  workgroupBarrier();
  var all = 0f;
  for (var i = 0u; i < LANES; i++) { all += ofLanes[i]; }
  var before = 0f;
  var taker = 0u;
  for (; taker < LANES - 1 && before + ofLanes[taker] <= part * all; taker++) { before += ofLanes[taker]; }
  // Not less than 0 in the lane that takes it, however it is rounded.
  return select(-1, max(0, part * all - before), taker == lane);
}
