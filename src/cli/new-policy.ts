/** `swirl new-policy`: a fresh policy folder with random weights and a tokenizer made from texts. */
import type { Command } from 'commander';
import { count } from './count.ts';
import type { NewPolicySizes } from './new-policy-folder.ts';

export function register(program: Command): void {
  program
    .command('new-policy')
    .description(
      'make a fresh policy of the Gemma 2 architecture: random weights, and a byte-level BPE tokenizer trained on your texts',
    )
    .argument('<folder>', 'where to make it')
    .requiredOption('--texts <file...>', 'files whose text the tokenizer is trained on')
    .option('--tags <names...>', 'tags that are one token each, opening and closing', [
      'answer',
      'math_exp',
      'search_query',
    ])
    .option('--vocabulary <n>', 'number of tokens', count, 1024)
    .option('--hidden <n>', 'width of the residual stream; a multiple of 8', count)
    .option('--layers <n>', 'number of layers', count)
    .option('--positions <n>', 'longest context in tokens', count)
    .option('--seed <n>', 'decides the weights', count, 0)
    .action(async (folder: string, sizes: NewPolicySizes) => {
      const { newPolicy } = await import('./new-policy-folder.ts');
      await newPolicy(folder, sizes);
    });
}
