/** The flexible versions of Kafka's messages (KIP-482), for requests that kafkajs does not know. */

/** No tagged fields, which stand after each structure. */
export const NO_TAGS = Buffer.from([0]);

export function unsigned(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}

export function compactString(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([unsigned(bytes.length + 1), bytes]);
}

export class FlexibleReader {
  #at = 0;

  constructor(readonly bytes: Buffer) {}

  int16(): number {
    this.#at += 2;
    return this.bytes.readInt16BE(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.bytes.readInt32BE(this.#at - 4);
  }

  int64(): string {
    this.#at += 8;
    return this.bytes.readBigInt64BE(this.#at - 8).toString();
  }

  string(): string | null {
    const length = this.#unsigned() - 1;
    if (length < 0) return null;
    this.#at += length;
    return this.bytes.toString('utf8', this.#at - length, this.#at);
  }

  boolean(): boolean {
    return this.bytes.readUInt8(this.#at++) !== 0;
  }

  /** 16 bytes, in hexadecimal digits. */
  uuid(): string {
    this.#at += 16;
    return this.bytes.toString('hex', this.#at - 16, this.#at);
  }

  array<T>(item: () => T): T[] {
    const length = Math.max(0, this.#unsigned() - 1);
    // No item is smaller than a byte: a broken length must not become a long loop.
    return Array.from({ length: Math.min(length, this.bytes.length) }, item);
  }

  tags(): void {
    for (let count = this.#unsigned(); count > 0; count--) {
      this.#unsigned();
      this.#at += this.#unsigned();
    }
  }

  #unsigned(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes.readUInt8(this.#at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
}
