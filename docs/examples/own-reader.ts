/**
 * A reader of one's own, for lines of a question, a tab and its answer:
 * `swirl feed words.tsv --reader ./own-reader.ts --task letters`.
 */
import type { ReaderCall } from 'swirl-rl';

const read: ReaderCall = async function* (file) {
  for await (const line of file.lines()) {
    const [text = '', ...answer] = line.split('\t');
    yield { text, answer };
  }
};

export default read;
