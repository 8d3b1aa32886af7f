// A matmul for software adapters with many rows, to the bits of subgroup-tile.wgsl. A workgroup is a subgroup, whose
// lanes have 4 columns each. They read a panel of the right factor, DEPTH numbers deep, into memory of their own once,
// and go down many rows with it. Such memory is laid out lane beside lane, so that an element which the text names by
// a constant is read by one instruction for all lanes, in which it is multiplied as well, where any other read is some
// ten for each number. So `products` is a list: a loop would not do. Of a row each lane reads other depths than its
// neighbors, and all lanes then use them by broadcast. Deeper matmuls take panel after panel, and put aside what a row has
// come to meanwhile. Follows the same files as tile.wgsl.

var<private> panel: array<vec4f, DEPTH>;

@compute @workgroup_size(SUBGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let size = extent();
  let depth4 = (size.z + 3) / 4;
  let column4 = group.y * SUBGROUP + lane;
  let inside = min(column4, size.y - 1);
  let each = (size.x + groups.x - 1) / groups.x;
  let first = group.x * each;
  let end = min(first + each, size.x);
  // No constant: compilers drop what adds one of 0, and a sum of -0 alone is then no longer 0 as in a tile.
  let zero = vec4f(bitcast<f32>(batch.zero));
  for (var start4 = 0u; start4 < depth4; start4 += DEPTH / 4) {
    fill(inside, start4, depth4, size);
    for (var row = first; row < end; row++) {
      var own: array<vec4f, PARTS>;
      for (var part = 0u; part < PARTS; part++) {
        let at4 = start4 + part * SUBGROUP + lane;
        own[part] = select(vec4f(), leftAt(row, min(at4, depth4 - 1)), at4 < depth4);
      }
      var sum = zero;
      if (SEVERAL && start4 > 0) { sum = partialAt(row, inside); }
      sum = products(own, sum);
      if (column4 < size.y) {
        if (SEVERAL && start4 + DEPTH / 4 < depth4) {
          putPartial(row, column4, sum);
        } else {
          put(row, column4, sum);
        }
      }
    }
  }
}

// Beyond the end the panel is -0 and what it is multiplied with 0: their product leaves any sum as it is.
fn fill(column4: u32, start4: u32, depth4: u32, size: vec3u) {
  // The bound is no constant: the loop is not to be unrolled.
  for (var i = 0u; i < DEPTH / 4 + batch.zero; i++) {
    let at4 = min(start4 + i, depth4 - 1);
    var scales: array<Scale, 4>;
    if (RIGHT_ALONG_DEPTH && PACKED) { scales = rightScales(column4, at4); }
    let block = rightBlock(column4, at4, scales, size);
    for (var j = 0u; j < 4; j++) {
      panel[4 * i + j] = select(vec4f(-0.0), block[j], start4 + i <= at4);
    }
  }
}
