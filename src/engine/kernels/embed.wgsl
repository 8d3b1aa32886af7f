// x (N, HIDDEN) = the tokens' rows of the embedding table (VOCAB, HIDDEN), times a scale. The table may come in
// pieces, each with a dispatch of its own.
struct Call {
  firstRow: u32,
  rows: u32,
  // Not a constant, by which drivers would multiply the scale of a packed number first, and round otherwise.
  scale: f32,
}
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> tokens: array<u32>;       // (N)
@group(0) @binding(2) var<storage, read> w: array<Stored>;         // (rows, HIDDEN) the table
@group(0) @binding(3) var<storage, read_write> x: array<vec4f>;    // (N, HIDDEN)
@group(0) @binding(4) var<uniform> call: Call;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= HIDDEN4 || id.y >= batch.tokens) { return; }
  let row = tokens[id.y] - call.firstRow;  // wraps to a large number where the token is in an earlier piece
  if (row >= call.rows) { return; }
  x[id.y * HIDDEN4 + id.x] = stored(row * HIDDEN4 + id.x) * call.scale;
}
