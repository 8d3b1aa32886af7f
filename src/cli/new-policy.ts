/** `swirl new-policy`: a fresh policy folder with random weights and a tokenizer made from texts. */
import type { Command } from 'commander';
import { count } from './count.ts';
import { withExitCodes } from './exit.ts';
import type { NewPolicySizes } from './new-policy-folder.ts';
import { repeated } from './repeated.ts';

interface NewPolicyFlags extends Omit<NewPolicySizes, 'tags'> {
  readonly tag?: readonly string[];
}

export function register(program: Command): void {
  const command = program
    .command('new-policy')
    .summary('make a small untrained policy, and its tokenizer')
    .description(
      'make a fresh policy of the Gemma 2 architecture: random weights, and a byte-level BPE tokenizer trained on your texts',
    )
    .argument('<folder>', 'where to make it')
    .requiredOption(
      '--texts <file>',
      'a file whose text the tokenizer is trained on; may be given again',
      repeated,
    )
    .option(
      '--tag <name>',
      'a tag that is one token, opening and closing; may be given again (default: answer, math_exp, search_query)',
      repeated,
    )
    .option('--vocabulary <n>', 'number of tokens', count, 1024)
    .option('--hidden <n>', 'width of the residual stream; a multiple of 8', count)
    .option('--layers <n>', 'number of layers', count)
    .option('--positions <n>', 'longest context in tokens', count)
    .option('--seed <n>', 'decides the weights', count, 0);
  withExitCodes(command).action(async (folder: string, { tag, ...sizes }: NewPolicyFlags) => {
    const { newPolicy } = await import('./new-policy-folder.ts');
    await newPolicy(folder, { ...sizes, tags: tag ?? ['answer', 'math_exp', 'search_query'] });
  });
}
