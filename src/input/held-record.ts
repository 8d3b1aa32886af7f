/** A record of a file, gathered from the chunks that it comes in, and no more of it than may be held. */
import { DataError } from '../errors.ts';
import type { Row } from './rows.ts';

export interface TakeOptions {
  /** Where the record is, for people. */
  readonly place: string;
  /** Whether it begins the file: there alone a byte order mark is understood. */
  readonly first: boolean;
  /** What was expected and found where a record of this length is too long. */
  readonly tooLong?: (length: number) => string;
}

export class HeldRecord {
  readonly #maxBytes: number;
  #pieces: Uint8Array[] = [];
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Of the whole record, also where it is too long to be held. */
  get length(): number {
    return this.#length;
  }

  /** Nothing, or blanks alone; a record that is too long is neither. */
  get isBlank(): boolean {
    return this.#length <= this.#maxBytes && Buffer.concat(this.#pieces).toString('latin1').trim() === '';
  }

  add(bytes: Uint8Array): void {
    this.#length += bytes.length;
    if (this.#length <= this.#maxBytes) this.#pieces.push(bytes);
    else this.#pieces = [];
  }

  clear(): void {
    this.#pieces = [];
    this.#length = 0;
  }

  /** Its text, or an error where it is too long or not UTF-8; nothing is held after it. */
  take({ place, first, tooLong }: TakeOptions): Pick<Row, 'text' | 'error'> {
    const [bytes, length] = [Buffer.concat(this.#pieces), this.#length];
    this.clear();
    const failed = (said: string) => ({ text: null, error: new DataError(`${place}: expected ${said}`) });
    if (length > this.#maxBytes)
      return failed(tooLong?.(length) ?? `at most ${this.#maxBytes} bytes, found ${length}`);
    const text = decode(bytes, first);
    return text === null ? failed('UTF-8 text, found other bytes') : { text, error: null };
  }
}

/** UTF-8, or null. The byte order mark is only understood at the very beginning. */
function decode(bytes: Uint8Array, first: boolean): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return first && text.startsWith('\ufeff') ? text.slice(1) : text;
  } catch {
    return null;
  }
}
