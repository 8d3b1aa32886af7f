/** What test/fixtures/policy/made-* were made from. Changing it means making them again. */
import type { NewPolicyOptions } from '../../src/checkpoint/new-policy.ts';
import { bpeTokenizer, wordTokenizer } from '../../src/tokenizer/new-tokenizer.ts';
import { gemmaFormat } from '../../src/tokenizer/render.ts';

const shape = {
  hiddenSize: 16,
  intermediateSize: 32,
  layers: 2,
  heads: 4,
  keyValueHeads: 2,
  headSize: 6,
  maxPositions: 256,
  slidingWindow: 8,
  ropeTheta: 10000,
};

const whole = ['<answer>', '</answer>', '<search_query>', '</search_query>'];

const texts = [
  'Natalia sold 48 clips in April, and then she sold half as many clips in May.',
  'Natalia sold 48/2 = 24 clips in May. She sold 48+24 = 72 clips altogether.',
  'How many clips did Natalia sell altogether in April and May?',
  'Weng earns $12 an hour for babysitting. Yesterday, she just did 50 minutes of babysitting.',
  'She earned 12/60 = $0.2 every minute, and 0.2 x 50 = $10 altogether.',
  '<search_query>Who sold the clips in April?</search_query>\n<answer>Natalia</answer>',
  'Zoë naïvely sold the café; the café sold Zoë.',
];

export const madePolicies: Record<string, () => Omit<NewPolicyOptions, 'path'>> = {
  'made-bpe': () => ({ shape, seed: 3, tokenizer: bpeTokenizer({ texts, vocabularySize: 330, whole }) }),
  'made-words': () => ({
    shape,
    seed: 4,
    tokenizer: wordTokenizer({
      words: ['Ada', 'Lovelace', 'works', 'at', 'Orbit', 'café'],
      texts: texts.slice(0, 2),
      whole,
    }),
    format: {
      ...gemmaFormat,
      user: { before: '\nQ: ', after: '<end_of_turn>' },
      assistant: { before: '\nA: ', after: '' },
      system: { before: '', after: '' },
    },
  }),
};
