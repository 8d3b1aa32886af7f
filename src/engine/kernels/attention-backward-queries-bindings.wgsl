// What attention-backward-queries.wgsl and its variants are given besides. Blocks are those of attention.wgsl.
@group(0) @binding(4) var<storage, read> mixed: array<vec4f>;           // (N, Q_SIZE)
@group(0) @binding(5) var<storage, read> dmixed: array<vec4f>;          // (N, Q_SIZE)
@group(0) @binding(6) var<storage, read_write> stats: array<vec2f>;     // (N, HEADS) log-sum, dot(dmixed, mixed)
@group(0) @binding(7) var<storage, read_write> dqueries: array<vec4f>;  // (N, Q_SIZE)
