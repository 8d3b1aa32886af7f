/** `swirl score`: logprobs of given texts under a policy, per token. */
import type { Command } from 'commander';
import { withExitCodes } from './exit.ts';

interface ScoreFlags {
  readonly policy: string;
  readonly texts: string;
  readonly device: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('score')
    .summary('logprobs of texts under a policy')
    .description('logprobs of texts under a policy, per token')
    .requiredOption(
      '--policy <folder>',
      "the policy's folder (config.json, weights in safetensors, tokenizer.json), or one of PEFT's adapters",
    )
    .requiredOption('--texts <file>', 'the texts, one JSON value per line (see below); - is standard input')
    .option('--device <name>', 'auto, webgpu or reference (float64)', 'auto')
    .option('--json', 'one JSON object per line in place of a table: {"context", "ids", "logprobs"}')
    .addHelpText('after', about);
  withExitCodes(command).action(async (flags: ScoreFlags) => {
    const { scoreFile } = await import('./score-file.ts');
    await scoreFile({ ...flags, json: flags.json === true });
  });
}

const about = `
A line of --texts is one of:
  "text"                          the whole text is scored
  {"text": "..."}                 the same
  {"context": "...", "completion": "..."}
                                  the completion is scored, after the context
  {"messages": [...], "completion": "..."}
                                  after a conversation, by the chat template
  {"ids": [...], "context": [...]}
                                  token ids, where there is no tokenizer

In the output "context" are the ids before those that are scored; where there
are none, nothing precedes the first token, and its logprob is null.`;
