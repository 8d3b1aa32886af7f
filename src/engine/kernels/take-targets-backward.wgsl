// dx (N, HIDDEN): dtaken where a row predicts a target, zero elsewhere.
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> targetOf: array<u32>;         // (N) index m of the target n + 1, or NONE
@group(0) @binding(2) var<storage, read> dtaken: array<vec4f>;         // (M, HIDDEN)
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;       // (N, HIDDEN)

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= HIDDEN4 || id.y >= batch.tokens) { return; }
  let m = targetOf[id.y];
  if (m == NONE) {
    dx[id.y * HIDDEN4 + id.x] = vec4f();
  } else {
    dx[id.y * HIDDEN4 + id.x] = dtaken[m * HIDDEN4 + id.x];
  }
}
