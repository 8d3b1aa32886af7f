/** Follows JSON byte by byte to tell what stands in strings, where brackets and commas mean nothing. */
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export class JsonStrings {
  #inside = false;
  #escaped = false;

  /** Whether the byte is of a string that began before it: its last quote too. */
  goesOn(byte: number): boolean {
    if (!this.#inside) return false;
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) this.#inside = false;
    return true;
  }

  /** Of a byte outside of strings: whether one begins with it. */
  begins(byte: number): boolean {
    this.#inside = byte === QUOTE;
    return this.#inside;
  }
}
