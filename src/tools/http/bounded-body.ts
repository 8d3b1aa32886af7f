/** A response's body, up to a number of bytes. */

export interface Body {
  readonly bytes: Uint8Array;
  /** False where there was more. */
  readonly whole: boolean;
}

/**
 * Reads as it arrives, and hangs up where it is too much. Counts bytes after decompression, which `fetch`
 * does by itself.
 */
export async function readBounded(response: Response, most: number): Promise<Body> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    const left = most - size;
    size += chunk.length;
    chunks.push(chunk.length > left ? chunk.subarray(0, left) : chunk);
    // Leaving the loop cancels the rest.
    if (size > most) return { bytes: Buffer.concat(chunks), whole: false };
  }
  return { bytes: Buffer.concat(chunks), whole: true };
}
