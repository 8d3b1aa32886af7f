// What attention-backward-keys.wgsl and its lanes- variant are given.
struct Call {
  window: u32,
}
@group(0) @binding(0) var<storage, read> blocks: array<vec4u>;          // first token, count, row's end (token), first position
@group(0) @binding(1) var<storage, read> queries: array<vec4f>;         // (N, Q_SIZE)
@group(0) @binding(2) var<storage, read> keys: array<vec4f>;            // (N, KV_SIZE)
@group(0) @binding(3) var<storage, read> values: array<vec4f>;          // (N, KV_SIZE)
@group(0) @binding(4) var<storage, read> dmixed: array<vec4f>;          // (N, Q_SIZE)
@group(0) @binding(5) var<storage, read> stats: array<vec2f>;           // (N, HEADS) log-sum, dot(dmixed, mixed)
@group(0) @binding(6) var<storage, read_write> dkeys: array<vec4f>;     // (N, KV_SIZE)
@group(0) @binding(7) var<storage, read_write> dvalues: array<vec4f>;   // (N, KV_SIZE)
@group(0) @binding(8) var<uniform> call: Call;
