/** `swirl score`: log-probabilities of given texts under a policy, per token. */
import type { Command } from 'commander';

interface ScoreFlags {
  readonly policy: string;
  readonly texts: string;
  readonly device: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('score')
    .description(
      'log-probabilities of texts under a policy: one JSON value per line, a text, {"text"}, {"context", "completion"}, {"messages", "completion"}, or {"ids"} (and "context", ids before them) where there is no tokenizer',
    )
    .requiredOption(
      '--policy <folder>',
      "the policy's folder (config.json, weights in safetensors, tokenizer.json), or one of PEFT's adapters",
    )
    .requiredOption('--texts <file>', 'JSON lines; - is standard input')
    .option('--device <name>', 'auto, webgpu or reference (float64)', 'auto')
    .option(
      '--json',
      'one JSON object {context, ids, logprobs} per line, in place of a table; "context" are the ids before, and the first log-probability is null where there are none',
    )
    .action(async (flags: ScoreFlags) => {
      const { scoreFile } = await import('./score-file.ts');
      await scoreFile({ ...flags, json: flags.json === true });
    });
}
