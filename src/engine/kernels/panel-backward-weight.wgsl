// dw (OUT, IN) += scale * across (OUT, M) times x (M, IN), as matmul-backward-weight.wgsl; for panel.wgsl. `dy` is
// already transposed.
@group(0) @binding(5) var<storage, read_write> partials: array<vec4f>;

const LEFT_ALONG_DEPTH = true;
const RIGHT_ALONG_DEPTH = false;

fn extent() -> vec3u {
  return vec3u(4 * call.out4, call.in4, rows());
}

fn leftAt(n: u32, m4: u32) -> vec4f { return dy[n * ((rows() + 3) / 4) + m4]; }

fn rightAt(m: u32, k4: u32) -> u32 { return m * call.xStride4 + call.xAt4 + k4; }

// What a sum has come to before the last panel.
fn partialAt(n: u32, k4: u32) -> vec4f { return partials[placeOf(n, k4)]; }

fn putPartial(n: u32, k4: u32, value: vec4f) { partials[placeOf(n, k4)] = value; }
