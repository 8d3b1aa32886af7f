// What attention-backward-keys.wgsl and its variants are given besides. A block is its first token, count,
// the row's end (token), and its first position.
@group(0) @binding(4) var<storage, read> dmixed: array<vec4f>;          // (N, Q_SIZE)
@group(0) @binding(5) var<storage, read> stats: array<vec2f>;           // (N, HEADS) log-sum, dot(dmixed, mixed)
@group(0) @binding(6) var<storage, read_write> dkeys: array<vec4f>;     // (N, KV_SIZE)
@group(0) @binding(7) var<storage, read_write> dvalues: array<vec4f>;   // (N, KV_SIZE)
