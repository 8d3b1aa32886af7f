// gradient (rows, HIDDEN) += EMBED_SCALE * the sum of dx over the places where a token stands. The places
// come sorted by token, so each row has one writer that adds in a fixed order: WGSL has no float atomics, and
// the sum must not depend on scheduling.
struct Call {
  firstRow: u32,
  rows: u32,
}
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> segments: array<vec4u>;   // (U) token id, first and end in `order`
@group(0) @binding(2) var<storage, read> order: array<u32>;        // (N) places sorted by token id
@group(0) @binding(3) var<storage, read> dx: array<vec4f>;         // (N, HIDDEN)
@group(0) @binding(4) var<storage, read_write> gradient: array<vec4f>;
@group(0) @binding(5) var<uniform> call: Call;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= HIDDEN4 || id.y >= batch.segments) { return; }
  let segment = segments[id.y];
  let row = segment.x - call.firstRow;
  if (row >= call.rows) { return; }
  var sum = vec4f();
  for (var i = segment.y; i < segment.z; i++) {
    sum += dx[order[i] * HIDDEN4 + id.x];
  }
  gradient[row * HIDDEN4 + id.x] += sum * EMBED_SCALE;
}
