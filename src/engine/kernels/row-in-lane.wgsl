// A row for each invocation; stands before a file that has `rows`, how many there are, and `ofRow`, which goes
// over its columns from `lane` in steps of LANES. Loops over a row are bounded by a number that a compiler does
// not know (`batch.zero`, or a call's own), or it would unroll them.
const LANES = 1u;

@compute @workgroup_size(ROWS_OF_LANES)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= rows()) { return; }
  ofRow(id.x, 0);
}

// What all lanes of a row have, together.
fn rowSum(own: f32, lane: u32) -> f32 { return own; }
fn rowMost(own: f32, lane: u32) -> f32 { return own; }

// Where in the lane's own share of all lanes' sum this part of the sum lies, lane after lane; less than 0: in
// another's.
fn rowShare(own: f32, part: f32, lane: u32) -> f32 { return part * own; }
