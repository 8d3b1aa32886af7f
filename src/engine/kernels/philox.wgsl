// Philox4x32-10, as src/random.ts has it: a random number is a function of a seed and a position.

// In [0, 1), of 24 bits: every number of it is an f32.
fn uniformAt(seed: vec2u, position: u32) -> f32 {
  var counter = vec4u(position, 0, 0, 0);
  var key = seed;
  for (var round = 0; round < 10; round++) {
    let a = wideProduct(0xd2511f53, counter.x);
    let b = wideProduct(0xcd9e8d57, counter.z);
    counter = vec4u(b.y ^ counter.y ^ key.x, b.x, a.y ^ counter.w ^ key.y, a.x);
    key += vec2u(0x9e3779b9, 0xbb67ae85);
  }
  return f32(counter.x >> 8) / 16777216;
}

// The lower and the upper 32 bits of a product, by halves of 16.
fn wideProduct(a: u32, b: u32) -> vec2u {
  let low = vec2u(a, b) & vec2u(0xffff);
  let high = vec2u(a, b) >> vec2u(16);
  let middle = high.x * low.y + ((low.x * low.y) >> 16);
  let carry = (low.x * high.y + (middle & 0xffff)) >> 16;
  return vec2u(a * b, high.x * high.y + (middle >> 16) + carry);
}
