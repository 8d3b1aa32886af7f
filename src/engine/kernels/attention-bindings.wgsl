// What attention.wgsl and lanes-attention.wgsl are given.
struct Call {
  window: u32,
  ring: u32, // 0: none
}
@group(0) @binding(0) var<storage, read> blocks: array<vec4u>;         // first token, count, base or slot, first position
@group(0) @binding(1) var<storage, read> queries: array<vec4f>;        // (N, Q_SIZE)
@group(0) @binding(2) var<storage, read> keys: array<vec4f>;           // (rows, KV_SIZE)
@group(0) @binding(3) var<storage, read> values: array<vec4f>;         // (rows, KV_SIZE)
@group(0) @binding(4) var<storage, read_write> mixed: array<vec4f>;    // (N, Q_SIZE)
@group(0) @binding(5) var<storage, read_write> stats: array<vec2f>;    // (N, HEADS) log of the sum of exponents; unused
@group(0) @binding(6) var<uniform> call: Call;
