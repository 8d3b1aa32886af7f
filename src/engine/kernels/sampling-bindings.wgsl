// What span-masses.wgsl and draw.wgsl are both given: rows of logits, of the whole vocabulary, in spans of SPAN columns.
struct Call { columns: u32 }
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> logits: array<vec4f>;            // (M, columns), not capped
@group(0) @binding(2) var<storage, read> inverseTemperatures: array<f32>; // (M)

// Beyond any logit.
const LARGEST = 3e38f;

// The first vec4 of a row's logits.
fn firstOf(m: u32) -> u32 { return m * ((call.columns + 3) / 4); }

// How many of a row.
fn spans() -> u32 { return (call.columns + SPAN - 1) / SPAN; }
