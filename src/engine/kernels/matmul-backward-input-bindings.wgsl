// What matmul-backward-input.wgsl and its variants are given, beside dy, and where their results go.
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(2) var<storage, read> w: array<Stored>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(4) var<uniform> call: MatmulCall;

fn placeOf(m: u32, k4: u32) -> u32 { return m * call.xStride4 + call.xAt4 + k4; }

fn put(m: u32, k4: u32, value: vec4f) {
  let at = placeOf(m, k4);
  if (call.add != 0) {
    dx[at] += call.scale * value;
  } else {
    dx[at] = call.scale * value;
  }
}

// What a sum has come to before the last panel of panel.wgsl, kept where its result goes: that is then not added to.
fn partialAt(m: u32, k4: u32) -> vec4f { return dx[placeOf(m, k4)]; }

fn putPartial(m: u32, k4: u32, value: vec4f) { dx[placeOf(m, k4)] = value; }
