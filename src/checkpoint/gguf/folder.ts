/** A policy's folder of a GGUF file: the weights stay in the file, and the rest is written out of it. */
import { copyFile, link, open, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configText, parseDecoderConfig } from '../../engine/families.ts';
import { openPolicy, type PolicyFolder } from '../folder.ts';
import { writeFolderAside, writeJson } from '../folder-aside.ts';
import { readFully } from '../tensor-file.ts';
import { ggufFile } from '../weight-layout.ts';
import { configJson } from './config.ts';
import { type GgufHeader, readGgufHeader } from './header.ts';
import { tokenizerOf } from './tokenizer.ts';

/**
 * Makes a folder with `config.json`, the tokenizer's files and the chat template of a GGUF file's metadata, and
 * the file itself in it as `model.gguf`: the same file under another name where the file system can (a hard
 * link), else a copy. Throws `DataError` where the file is none or cut, and `ConfigError` where it has what
 * Swirl does not know.
 */
export async function makeGgufFolder(file: string, folder: string): Promise<PolicyFolder> {
  const header = readGgufHeader(file);
  const config = configJson(header, file, await ropeFactors(header, file));
  parseDecoderConfig(config, file);
  const { tokenizer, config: tokenizerConfig } = tokenizerOf(header.metadata, file);
  await writeFolderAside(folder, async (to) => {
    await writeFile(join(to, 'config.json'), configText(config), { flush: true });
    await writeFile(join(to, 'tokenizer.json'), JSON.stringify(tokenizer), { flush: true });
    await writeJson(join(to, 'tokenizer_config.json'), tokenizerConfig);
    const whole = await realpath(file);
    await link(whole, join(to, ggufFile)).catch(() => copyFile(whole, join(to, ggufFile)));
  });
  return openPolicy(folder);
}

/** The numbers of `rope_freqs.weight`; null where there is none. */
async function ropeFactors({ tensors }: GgufHeader, file: string): Promise<Float32Array | null> {
  const table = tensors.get('rope_freqs.weight');
  if (!table) return null;
  const handle = await open(file, 'r');
  try {
    const bytes = Buffer.alloc(table.end - table.start);
    await readFully(file, handle, bytes, table.start);
    const factors = new Float32Array(table.shape.reduce((product, n) => product * n, 1));
    table.kind.read(bytes, factors);
    return factors;
  } finally {
    await handle.close();
  }
}
