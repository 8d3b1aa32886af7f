// For each row of a matrix the power of two that brings its largest number between 2^14 and 2^15: what
// matrix.wgsl multiplies the row by, so that f16 holds it. A workgroup has a row.
struct Call {
  width4: u32,
  stride4: u32,
  at4: u32,
  overTargets: u32,
}
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> scales: array<f32>;  // (M)
@group(0) @binding(3) var<uniform> call: Call;

var<workgroup> largest: array<u32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  // Without their signs f32 sort as their bits do, and infinities and NaN above all numbers.
  var most = vec4u();
  if (row < select(batch.tokens, batch.targets, call.overTargets != 0)) {
    let start = row * call.stride4 + call.at4;
    for (var k = lane; k < call.width4; k += 64) {
      most = max(most, bitcast<vec4u>(x[start + k]) & vec4u(0x7fffffff));
    }
  }
  largest[lane] = max(max(most.x, most.y), max(most.z, most.w));
  workgroupBarrier();
  if (lane != 0 || row >= select(batch.tokens, batch.targets, call.overTargets != 0)) { return; }
  var bits = 0u;
  for (var i = 0u; i < steps(64); i++) {
    bits = max(bits, largest[i]);
  }
  // 2^e is kept as e + 127 in the bits from 23 on. 253 at most, so that the inverse is a number too.
  let exponent = clamp(268 - i32(bits >> 23), 1, 253);
  scales[row] = bitcast<f32>(u32(exponent) << 23);
}
