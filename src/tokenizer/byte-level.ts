/**
 * The byte alphabet of byte-level tokenizers (GPT-2's): every byte as one visible character, so that any text
 * can be spelled and a vocabulary stays readable JSON. A space is `Ġ`.
 */

const alphabet: readonly string[] = makeAlphabet();

/** The 256 characters, by byte. */
export function byteAlphabet(): readonly string[] {
  return alphabet;
}

/** Text in the byte alphabet: one character per byte of its UTF-8. */
export function toByteLevel(text: string): string {
  let result = '';
  for (const byte of new TextEncoder().encode(text)) result += alphabet[byte];
  return result;
}

/** Printable characters of Latin-1 stand for themselves; the others are numbered from U+0100 on. */
function makeAlphabet(): string[] {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}
