// x (N, HIDDEN) = the tokens' rows of the embedding table (VOCAB, HIDDEN), times sqrt(HIDDEN).
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> tokens: array<u32>;       // (N)
@group(0) @binding(2) var<storage, read> table: array<vec4f>;      // (VOCAB, HIDDEN)
@group(0) @binding(3) var<storage, read_write> x: array<vec4f>;    // (N, HIDDEN)

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= HIDDEN4 || id.y >= batch.tokens) { return; }
  x[id.y * HIDDEN4 + id.x] = table[tokens[id.y] * HIDDEN4 + id.x] * EMBED_SCALE;
}
