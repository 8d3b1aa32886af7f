// What add-norm.wgsl and add-norm-backward.wgsl are both given.
struct Call {
  branchNorm: u32,
  nextNorm: u32,
}
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> norms: array<vec4f>;             // (norms, HIDDEN)
