// One invocation per token; stands before a file that has `ofToken`. Loops over a token's row are bounded by
// `columns`, HIDDEN4 that a compiler does not know, or it would unroll them.
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= batch.tokens) { return; }
  ofToken(id.x, HIDDEN4 + batch.zero);
}
