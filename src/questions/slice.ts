/** A part of a stream: without the first `from` items, and at most `most` of the others. */
export async function* slice<T>(items: AsyncIterable<T>, from: number, most: number): AsyncGenerator<T> {
  if (most <= 0) return;
  let index = 0;
  for await (const item of items) {
    if (index++ < from) continue;
    yield item;
    if (index >= from + most) return;
  }
}
