/** The first bytes of a stream that is still whole: standard input can be read once. */

/**
 * At least so many of the first bytes, where there are as many, and all of them from the beginning. `isEnough`
 * may be content with fewer: what a pipe has not written yet is waited for.
 */
export async function peeked(
  bytes: AsyncIterable<Uint8Array>,
  count: number,
  isEnough: (head: Buffer) => boolean = () => false,
): Promise<{ readonly head: Uint8Array; readonly all: AsyncIterable<Uint8Array> }> {
  const iterator = bytes[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let length = 0;
  while (length < count && !(length > 0 && isEnough(Buffer.concat(first)))) {
    const next = await iterator.next();
    if (next.done === true) break;
    // A copy: the stream may use the chunk's memory again.
    first.push(Uint8Array.prototype.slice.call(next.value));
    length += next.value.length;
  }
  async function* all() {
    try {
      yield* first;
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
        yield next.value;
      }
    } finally {
      await iterator.return?.();
    }
  }
  return { head: Buffer.concat(first), all: all() };
}
