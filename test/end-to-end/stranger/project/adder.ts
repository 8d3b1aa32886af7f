/** A tool of the stranger's own: sums and differences of whole numbers. */
import { defineTool } from 'swirl-rl';
import { z } from 'zod';

export default defineTool({
  description: 'Adds and subtracts whole numbers.',
  example: '34 + 12',
  settings: z.strictObject({ most: z.int().describe('The largest number that it knows.') }),
  make:
    ({ most }) =>
    (text) => {
      const [, a, sign, b] = /^\s*(\d+)\s*([-+])\s*(\d+)\s*$/.exec(text) ?? [];
      if (a === undefined || b === undefined) return { status: 'REFUSED', text: 'Refused: expected a sum.' };
      const value = sign === '+' ? Number(a) + Number(b) : Number(a) - Number(b);
      return value > most ? { status: 'REFUSED', text: `Refused: more than ${most}.` } : String(value);
    },
});
