// What logprob.wgsl and logprob-backward.wgsl are both given: a tile of the logits, and the targets.
struct Call {
  first: u32,
  columns: u32,
  stride: u32,
}
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> tokens: array<u32>;              // (N)
@group(0) @binding(2) var<storage, read> targets: array<u32>;             // (M)
@group(0) @binding(6) var<storage, read> inverseTemperatures: array<f32>;  // (M)
@group(0) @binding(7) var<uniform> call: Call;
