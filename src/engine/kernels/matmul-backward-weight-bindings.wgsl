// What matmul-backward-weight.wgsl and its variants are given, and where their results go.
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dw: array<vec4f>;
@group(0) @binding(4) var<uniform> call: MatmulCall;

// x, as of a stored matrix in f32.
const PACKED = false;
alias Scale = u32;
fn scaleOf(i: u32) -> Scale { return 0; }
fn scaled(i: u32, scale: Scale) -> vec4f { return x[i]; }

fn placeOf(n: u32, k4: u32) -> u32 { return n * call.in4 + k4; }

fn put(n: u32, k4: u32, value: vec4f) {
  dw[placeOf(n, k4)] += call.scale * value;
}
