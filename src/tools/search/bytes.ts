/** Bytes that are written and read one after the other; varints are seven bits a byte, the lowest first, of 53 at most. */

/** Bytes that are written one after the other. */
export class ByteWriter {
  bytes: Buffer;
  length = 0;

  constructor(capacity = 1 << 16) {
    this.bytes = Buffer.allocUnsafe(capacity);
  }

  varint(value: number): void {
    this.#room(8);
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.length++] = (rest % 0x80) + 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.bytes[this.length++] = rest;
  }

  /** The number of its bytes in UTF-8, and they. */
  text(text: string): void {
    this.varint(Buffer.byteLength(text));
    this.utf8(text);
  }

  utf8(text: string): void {
    this.#room(text.length * 3);
    this.length += this.bytes.write(text, this.length);
  }

  /** Bytes of a whole number, the lowest first. */
  integer(value: number, width: 1 | 2 | 4): void {
    this.#room(width);
    for (let i = 0; i < width; i++) this.bytes[this.length++] = (value >>> (8 * i)) & 0xff;
  }

  /** Eight bytes, little-endian. */
  f64(value: number): void {
    this.#room(8);
    this.length = this.bytes.writeDoubleLE(value, this.length);
  }

  /** Four bytes, little-endian. */
  f32(value: number): void {
    this.#room(4);
    this.length = this.bytes.writeFloatLE(value, this.length);
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** What was written since the last call; good until the next writing. */
  take(): Buffer {
    const taken = this.bytes.subarray(0, this.length);
    this.length = 0;
    return taken;
  }

  #room(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.length + more));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }
}

/** Reads what a `ByteWriter` wrote. */
export class ByteReader {
  at = 0;

  constructor(readonly bytes: Buffer) {}

  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.bytes[this.at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  text(): string {
    return this.slice(this.varint()).toString();
  }

  slice(length: number): Buffer {
    const from = this.at;
    this.at += length;
    return this.bytes.subarray(from, this.at);
  }
}
