/**
 * A tool of one's own, in TypeScript: how often a letter occurs in a word. A topology names it:
 *
 *     tools:
 *       letters: { kind: module, path: ./own-tool.ts, tag: count_letters, settings: { letter: r } }
 */
import { defineTool } from 'swirl-rl';
import { z } from 'zod';

export default defineTool({
  description: 'Counts how often a letter occurs in a word.',
  example: 'strawberry',
  settings: z.strictObject({ letter: z.string().length(1) }),
  make:
    ({ letter }) =>
    (word) => {
      // The policy is shown this, and may try again.
      if (!/^\p{L}+$/u.test(word)) return { status: 'REFUSED', text: 'Refused: expected one word.' };
      return String([...word.toLowerCase()].filter((found) => found === letter).length);
    },
});
