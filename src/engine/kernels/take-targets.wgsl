// taken (M, HIDDEN) = the rows of x that predict the targets: those just before them.
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> targets: array<u32>;          // (M)
@group(0) @binding(2) var<storage, read> x: array<vec4f>;              // (N, HIDDEN)
@group(0) @binding(3) var<storage, read_write> taken: array<vec4f>;    // (M, HIDDEN)

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= HIDDEN4 || id.y >= batch.targets) { return; }
  taken[id.y * HIDDEN4 + id.x] = x[(targets[id.y] - 1) * HIDDEN4 + id.x];
}
