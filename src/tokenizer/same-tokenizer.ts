/** Whether two folders have one tokenizer: token ids of the one are then those of the other. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** By the bytes of `tokenizer.json`; null where one of the folders has none. */
export function sameTokenizer(first: string, second: string): boolean | null {
  const [a, b] = [first, second].map(read);
  return a === null || b === null ? null : a.equals(b);
}

function read(folder: string): Buffer | null {
  try {
    return readFileSync(join(folder, 'tokenizer.json'));
  } catch {
    return null;
  }
}
