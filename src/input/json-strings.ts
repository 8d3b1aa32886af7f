/** Follows JSON byte by byte to tell what stands in strings, where brackets and commas mean nothing. */
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const OUTSIDE = 0;
const INSIDE = 1;
const ESCAPED = 2;

export class JsonStrings {
  #state = OUTSIDE;

  /** Whether the byte is of a string that began before it: its last quote too. */
  goesOn(byte: number): boolean {
    const state = this.#state;
    if (state === OUTSIDE) return false;
    if (state === ESCAPED) this.#state = INSIDE;
    else if (byte === BACKSLASH) this.#state = ESCAPED;
    else if (byte === QUOTE) this.#state = OUTSIDE;
    return true;
  }

  /** Of a byte outside of strings: whether one begins with it. */
  begins(byte: number): boolean {
    if (byte !== QUOTE) return false;
    this.#state = INSIDE;
    return true;
  }
}
