// Draws a token for each row, from its logits and what their spans weigh (span-masses.wgsl); what choose.ts does in
// float64. In the order of likelihood, the lowest ids first among equals, top-k and top-p keep the first tokens:
// the fewest that reach a count, and of these the fewest that reach a mass. Of the kept it takes the one whose
// share of [0, 1), laid out in the order of ids, contains the random number. Of spans that hold none of the kept
// no logits are read. Logits are in the order that they have before the cap. A row is a target's.
struct Wanted {
  seed: vec2u,    // low and high word
  position: u32,  // of the random number in the seed's sequence
  topP: f32,
  topK: u32,      // 0: all
}
@group(0) @binding(3) var<storage, read> masses: array<vec2f>;            // (M, spans) largest logit, sum of exp below it
@group(0) @binding(4) var<storage, read> wanted: array<Wanted>;           // (M)
@group(0) @binding(5) var<storage, read_write> drawn: array<vec4f>;       // (M) token, logprob, mass of all tokens
@group(0) @binding(6) var<uniform> call: Call;

// The logits, and the spans, that are the row's; a mass is in parts of the largest token's.
struct Row {
  first4: u32,
  firstSpan: u32,
  scale: f32,
  largest: f32,
  top: f32,  // the largest after the cap
}

// The first tokens in the order of likelihood: those with a greater key, and of equals the ids below the limit.
struct Kept {
  key: u32,
  limit: u32,
}
const EVERY = Kept(0, NONE);

// What is counted of them.
const COUNT = 0u;
const MASS = 1u;

fn rows() -> u32 { return batch.targets; }

fn ofRow(m: u32, lane: u32) {
  let options = wanted[m];
  let row = rowOf(m, lane);
  let total = tally(row, EVERY, MASS, lane);
  // Logits are not finite; the host is told by the sum.
  if (total <= 0) {
    if (lane == 0) { drawn[m] = vec4f(0, 0, total, 0); }
    return;
  }
  var kept = EVERY;
  for (var what = COUNT; what <= MASS; what++) {
    let byCount = what == COUNT;
    let limited = select((options.topP < 1), (options.topK > 0) && (options.topK < call.columns), byCount);
    if (!limited) { continue; }
    var reached = f32(options.topK);
    // One token is always kept, and has a mass of 1.
    if (!byCount) { reached = max(1e-30, options.topP * tally(row, kept, MASS, lane)); }
    kept = fewest(row, what, reached, lane);
  }
  let each = (spans() + LANES - 1) / LANES;
  let end = min(spans(), (lane + 1) * each);
  var own = 0f;
  for (var span = lane * each; span < end; span++) { own += ofSpan(row, span, kept)[MASS]; }
  let left = rowShare(own, uniformAt(options.seed, options.position), lane);
  if (left < 0) { return; }
  let token = take(row, kept, vec2u(lane * each, end), left);
  let logprob = (softCap(logits[row.first4 + token / 4][token % 4], LOGIT_CAP) - row.top) * row.scale - log(total);
  drawn[m] = vec4f(f32(token), logprob, total, 0);
}

fn rowOf(m: u32, lane: u32) -> Row {
  let firstSpan = m * spans();
  var own = -LARGEST;
  for (var span = lane; span < spans(); span += LANES) { own = max(own, masses[firstSpan + span].x); }
  let largest = rowMost(own, lane);
  return Row(firstOf(m), firstSpan, inverseTemperatures[m], largest, softCap(largest, LOGIT_CAP));
}

// The fewest tokens whose count or mass reaches this: by halves the key, then the limit.
fn fewest(row: Row, what: u32, reached: f32, lane: u32) -> Kept {
  var keys = vec2u(0, keyOf(row.largest));
  // The largest alone is often enough.
  var key = keys.y;
  while (keys.x < keys.y) {
    var enough = largestOf(row, key, what, lane) >= reached;
    if (!enough) { enough = tally(row, Kept(key, NONE), what, lane) >= reached; }
    keys = select(vec2u(keys.x, key - 1), vec2u(key, keys.y), enough);
    key = keys.x + (keys.y - keys.x + 1) / 2;
  }
  // Nearly always one token has it.
  let equals = tally(row, Kept(key, NONE), COUNT, lane) - tally(row, Kept(key, 0), COUNT, lane);
  var limits = vec2u(0, select(0, call.columns, equals > 1));
  while (limits.x < limits.y) {
    let limit = (limits.x + limits.y) / 2;
    let enough = tally(row, Kept(key, limit), what, lane) >= reached;
    limits = select(vec2u(limit + 1, limits.y), vec2u(limits.x, limit), enough);
  }
  return Kept(key, select(NONE, limits.x, equals > 1));
}

// How many spans have a token of this key or a greater one, or the mass of the largest of each: at least so much is
// kept, which is known without their logits.
fn largestOf(row: Row, key: u32, what: u32, lane: u32) -> f32 {
  var own = 0f;
  for (var span = lane; span < spans(); span += LANES) {
    let largest = masses[row.firstSpan + span].x;
    if (keyOf(largest) >= key) { own += select(massesOf(row, vec4f(largest)).x, 1, what == COUNT); }
  }
  return rowSum(own, lane);
}

// How many tokens are kept, or their mass.
fn tally(row: Row, kept: Kept, what: u32, lane: u32) -> f32 {
  var own = 0f;
  for (var span = lane; span < spans(); span += LANES) { own += ofSpan(row, span, kept)[what]; }
  return rowSum(own, lane);
}

// Both, of a span.
fn ofSpan(row: Row, span: u32, kept: Kept) -> vec2f {
  let largest = masses[row.firstSpan + span].x;
  let first = span * SPAN;
  let end = min(first + SPAN, call.columns);
  if (kept.key == 0) {
    return vec2f(f32(end - first), masses[row.firstSpan + span].y * massesOf(row, vec4f(largest)).x);
  }
  if (keyOf(largest) < kept.key) { return vec2f(); }
  var count = vec4f();
  var mass = vec4f();
  for (var id = first; id < end; id += 4) {
    let four = logits[row.first4 + id / 4];
    let inside = areKept(four, id, kept);
    count += select(vec4f(), vec4f(1), inside);
    mass += select(vec4f(), massesOf(row, four), inside);
  }
  return vec2f(count.x + count.y + count.z + count.w, mass.x + mass.y + mass.z + mass.w);
}

// The token of these spans (first, end) at which the kept exceed a mass; otherwise the last that weighs anything.
fn take(row: Row, kept: Kept, among: vec2u, mass: f32) -> u32 {
  var chosen = among.x;
  var left = mass;
  var after = mass;
  for (var span = among.x; span < among.y && after >= 0; span++) {
    let own = ofSpan(row, span, kept)[MASS];
    if (own == 0) { continue; }
    chosen = span;
    left = after;
    after -= own;
  }
  var token = SPAN * chosen;
  let end = min(token + SPAN, call.columns);
  for (var id = token; id < end && left >= 0; id++) {
    let four = logits[row.first4 + id / 4];
    let own = massesOf(row, four)[id % 4];
    if (own == 0 || !areKept(four, id - id % 4, kept)[id % 4]) { continue; }
    token = id;
    left -= own;
  }
  return token;
}

fn areKept(four: vec4f, id: u32, kept: Kept) -> vec4<bool> {
  let keys = keysOf(four);
  let ids = id + vec4u(0, 1, 2, 3);
  let equals = (keys == vec4u(kept.key)) & (ids < vec4u(kept.limit));
  return ((keys > vec4u(kept.key)) | equals) & (ids < vec4u(call.columns));
}

fn massesOf(row: Row, four: vec4f) -> vec4f { return exp((softCap4(four, LOGIT_CAP) - row.top) * row.scale); }

fn keyOf(logit: f32) -> u32 { return keysOf(vec4f(logit)).x; }

// In the order of the logits, as whole numbers; -0 is 0.
fn keysOf(four: vec4f) -> vec4u {
  let bits = bitcast<vec4u>(select(four, vec4f(), four == vec4f()));
  return select(bits | vec4u(0x80000000), ~bits, bits >= vec4u(0x80000000));
}
