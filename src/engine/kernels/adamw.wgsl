// One AdamW update (arXiv 1711.05101, decoupled weight decay) of some numbers; the gradient, scaled down to
// the clipping norm where it is larger, is then zero. A gradient that is not finite changes nothing.
struct Update {
  learningRate: f32,
  beta1: f32,
  beta2: f32,
  epsilon: f32,
  decay: f32,           // 1 - learningRate * weightDecay
  clipNorm: f32,
  correction1: f32,     // 1 - beta1^step
  correction2: f32,     // 1 - beta2^step
}
struct Call {
  length: u32,
}
@group(0) @binding(0) var<uniform> settings: Update;
@group(0) @binding(1) var<storage, read> norm: array<f32>;
@group(0) @binding(2) var<storage, read_write> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(4) var<storage, read_write> moment1: array<f32>;
@group(0) @binding(5) var<storage, read_write> moment2: array<f32>;
@group(0) @binding(6) var<uniform> call: Call;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64 + id.x;
  if (i >= call.length) { return; }
  let g = gradient[i] * min(1, settings.clipNorm / max(norm[0], 1e-30));
  gradient[i] = 0;
  // By its bits, because WGSL allows a driver to take for granted that no number is NaN.
  if ((bitcast<u32>(norm[0]) & 0x7f800000) == 0x7f800000) { return; }
  let m = settings.beta1 * moment1[i] + (1 - settings.beta1) * g;
  let v = settings.beta2 * moment2[i] + (1 - settings.beta2) * g * g;
  moment1[i] = m;
  moment2[i] = v;
  weights[i] = weights[i] * settings.decay
    - settings.learningRate * (m / settings.correction1) / (sqrt(v / settings.correction2) + settings.epsilon);
}
