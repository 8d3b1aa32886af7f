// across (OUT, M) = dy (M, OUT) transposed, its rows padded with zeros to whole fours: for panel-backward-weight.wgsl,
// which reads them along M.
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> across: array<vec4f>;
@group(0) @binding(3) var<uniform> call: MatmulCall;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let count = rows();
  let m4 = id.x;
  if (4 * m4 >= count || id.y >= call.out4) { return; }
  let block = transpose(mat4x4f(
    fourAt(4 * m4, id.y, count), fourAt(4 * m4 + 1, id.y, count),
    fourAt(4 * m4 + 2, id.y, count), fourAt(4 * m4 + 3, id.y, count),
  ));
  let length4 = (count + 3) / 4;
  for (var i = 0u; i < 4; i++) { across[(4 * id.y + i) * length4 + m4] = block[i]; }
}

fn fourAt(m: u32, n4: u32, count: u32) -> vec4f {
  return select(vec4f(), dy[min(m, count - 1) * call.yStride4 + call.yAt4 + n4], m < count);
}
