/** `swirl gguf`: a policy's folder of a GGUF file. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Command } from 'commander';
import { sizeOf, tensorShapes } from '../engine/config.ts';
import { ConfigError } from '../errors.ts';
import { withExitCodes } from './exit.ts';

export function register(program: Command): void {
  const command = program
    .command('gguf')
    .summary("make a policy's folder of a GGUF file")
    .description(
      "make a policy's folder of a GGUF file, as llama.cpp and Ollama have them: config.json, tokenizer and chat " +
        'template out of its metadata, and the file itself in the folder (a hard link where the disk is the same), ' +
        'from which the weights are read. They may be trained with LoRA, or judge; docs/guide.md.',
    )
    .argument('<file>', 'of the Llama, Qwen 2, Qwen 3, Gemma 2 or Gemma 3 architecture, in one file')
    .argument('<folder>', 'where to make it');
  withExitCodes(command).action(async (file: string, folder: string) => {
    if (existsSync(folder))
      throw new ConfigError(`${folder}: exists already; expected the name of a new folder`);
    const { makeGgufFolder } = await import('../checkpoint/gguf/folder.ts');
    const { openWeights } = await import('../checkpoint/weight-files.ts');
    const policy = await makeGgufFolder(file, folder);
    const weights = await openWeights(policy).catch(async (error: unknown) => {
      // A folder that no policy can be had of would only stand in the way of the next try.
      await rm(folder, { recursive: true, force: true });
      throw error;
    });
    await weights.close();
    const { family, layers, hiddenSize } = policy.config;
    const parameters = [...tensorShapes(policy.config).values()].reduce(
      (sum, shape) => sum + sizeOf(shape),
      0,
    );
    process.stdout.write(
      `${folder}: ${family}, ${parameters.toLocaleString('en')} parameters (${[...weights.dtypes].join(', ')}), ` +
        `${layers} layers of ${hiddenSize}\n`,
    );
  });
}
