// What attention-backward-queries.wgsl, attention-backward-keys.wgsl and their variants are both given.
struct Call {
  window: u32,
}
@group(0) @binding(0) var<storage, read> blocks: array<vec4u>;
@group(0) @binding(1) var<storage, read> queries: array<vec4f>;         // (N, Q_SIZE)
@group(0) @binding(2) var<storage, read> keys: array<vec4f>;            // (N, KV_SIZE)
@group(0) @binding(3) var<storage, read> values: array<vec4f>;          // (N, KV_SIZE)
@group(0) @binding(8) var<uniform> call: Call;
