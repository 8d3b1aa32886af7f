// What matmul.wgsl, tile-forward.wgsl and rows-forward.wgsl are given, and where their results go.
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> w: array<Stored>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<uniform> call: MatmulCall;

fn placeOf(m: u32, n4: u32) -> u32 { return m * call.yStride4 + call.yAt4 + n4; }

fn put(m: u32, n4: u32, value: vec4f) {
  let at = placeOf(m, n4);
  if (call.add != 0) {
    y[at] += call.scale * value;
  } else {
    y[at] = call.scale * value;
  }
}

// What a sum has come to before the last panel of panel.wgsl, kept where its result goes: that is then not added to.
fn partialAt(m: u32, n4: u32) -> vec4f { return y[placeOf(m, n4)]; }

fn putPartial(m: u32, n4: u32, value: vec4f) { y[placeOf(m, n4)] = value; }
