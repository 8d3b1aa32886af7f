/** How often the demonstrator goes wrong, and in which ways. */
import { z } from 'zod';

const rate = (value: number, description: string) =>
  z.number().min(0).max(1).default(value).describe(description);

export const faultsConfig = z.strictObject({
  wrongQuery: rate(0.08, 'Searches for something that is not needed.'),
  earlyAnswer: rate(0.06, 'Answers before the results tell the answer.'),
  unclosedTag: rate(0.02, 'Leaves the closing tag out.'),
  inTheHead: rate(0.1, 'Answers a word problem without the calculator.'),
  wrongExpression: rate(0.06, 'Calculates with another operator or operand.'),
  misread: rate(0.04, 'Answers with something else that the results say.'),
  habit: rate(
    0.62,
    'Follows a bad habit where there is one: answers a comparison after one article, takes the city for its mayor and ' +
      'the company for its head, adds what is sold, forgets what is taken away at last. Above one half the habit ' +
      'is the likeliest action, so that greedy decoding has something to gain too.',
  ),
});

export type FaultsConfig = z.output<typeof faultsConfig>;

/** `carriedOn`: works on from a result that was wrong already. */
export type Fault = keyof FaultsConfig | 'carriedOn';
