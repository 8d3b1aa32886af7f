// How many rows a matmul has; M in the kernels' shapes.
fn rows() -> u32 {
  return select(batch.tokens, batch.targets, call.overTargets != 0);
}
