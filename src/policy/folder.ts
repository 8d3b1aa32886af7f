/**
 * A policy as a Hugging Face folder: `config.json`, `model.safetensors`, `tokenizer.json`, `tokenizer_config.json` and
 * where there is one `generation_config.json`. Other tools open what is saved here.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError, DataError } from '../errors.ts';
import { adapterBase, adapterShape, isAdapterFolder } from './adapter-folder.ts';
import type { DecoderConfig } from './config.ts';
import { withDtype } from './config-dtype.ts';
import type { LoraShape, Tensors, WeightSource } from './engine.ts';
import { parseDecoderConfig } from './families.ts';
import { copyFiles, writeFolderAside } from './folder-aside.ts';
import type { RenderFormat } from './render.ts';
import { gemmaFormat, plainFormat, Renderer, renderFormat } from './render.ts';
import { saveWeights } from './save-weights.ts';
import { PolicyTokenizer, tokenizerFiles } from './tokenizer.ts';
import { weightLayout } from './weight-layout.ts';

export { flushFolder, writeFolderAside, writeJson } from './folder-aside.ts';
export { readWeights } from './weight-files.ts';

/** Everything of a policy but its weights. */
export interface PolicyFolder {
  /** Where config.json and the weights lie. */
  readonly path: string;
  /** Where the tokenizer's files lie. */
  readonly tokenizerPath: string;
  /** Adapters on the decoder, and their folder: the one that was opened; null where it is the decoder's own. */
  readonly adapter: { readonly path: string; readonly lora: LoraShape } | null;
  readonly config: DecoderConfig;
  readonly tokenizer: PolicyTokenizer;
  readonly renderer: Renderer;
}

const modelFiles = ['config.json', 'generation_config.json'];

const endIds = z.looseObject({ eos_token_id: z.union([z.int(), z.array(z.int())]).nullish() });
const tokenizerConfig = z.looseObject({ swirl: renderFormat.optional() });

/**
 * Opens a policy's folder without its weights; with adapters in it (PEFT's format), the folder of their base too. Throws
 * `ConfigError` or `DataError`, with the file's name.
 */
export async function openPolicy(path: string): Promise<PolicyFolder> {
  const present = await stat(path).catch(() => undefined);
  if (!present?.isDirectory()) {
    throw new ConfigError(
      `${path}: expected a policy's folder (config.json, model.safetensors, tokenizer.json), found none`,
    );
  }
  const adapts = await isAdapterFolder(path);
  const base = adapts ? await adapterBase(path) : path;
  const configPath = join(base, 'config.json');
  const configJson = await readJson(configPath);
  const config = parseDecoderConfig(configJson, configPath);
  const adapter = adapts ? { path, lora: await adapterShape(path, config) } : null;
  const ownTokenizer = adapts && (await stat(join(path, 'tokenizer.json')).catch(() => undefined));
  const tokenizerPath = ownTokenizer ? path : base;
  const generation = await readJson(join(base, 'generation_config.json'), true);
  const ends = [configJson, generation].flatMap((json) => endIds.safeParse(json).data?.eos_token_id ?? []);
  return {
    path: base,
    config,
    adapter,
    tokenizerPath,
    ...(await openTokenizer(tokenizerPath, config, ends)),
  };
}

async function openTokenizer(
  path: string,
  { vocabSize }: DecoderConfig,
  ends: readonly number[],
): Promise<Pick<PolicyFolder, 'tokenizer' | 'renderer'>> {
  const settingsPath = join(path, 'tokenizer_config.json');
  const settings = tokenizerConfig.safeParse((await readJson(settingsPath, true)) ?? {});
  if (!settings.success) throw new ConfigError(`${settingsPath}: ${z.prettifyError(settings.error)}`);
  const tokenizerPath = join(path, 'tokenizer.json');
  const tokenizer = new PolicyTokenizer(await readJson(tokenizerPath), settings.data, tokenizerPath);
  if (tokenizer.vocabularySize > vocabSize) {
    throw new ConfigError(
      `${tokenizerPath}: expected ids below the decoder's vocabulary of ${vocabSize}, found ${tokenizer.vocabularySize - 1}`,
    );
  }
  const format = settings.data.swirl ?? defaultFormat(tokenizer);
  const renderer = new Renderer(
    tokenizer,
    format,
    ends.filter((id) => tokenizer.specialIds.has(id)),
  );
  return { tokenizer, renderer };
}

export interface SaveOptions {
  /** f32, to the bit, so that training goes on where it was; or bf16, rounded to the nearest, for others. */
  readonly dtype?: 'f32' | 'bf16';
}

/**
 * Saves a policy under a new path: the JSON files of `from`, and these weights in the layout of its own. It is written
 * aside, with what `addFiles` adds to it, flushed, and renamed into place: it is there as a whole or not at all. A folder
 * that is already there is replaced.
 */
export async function savePolicy(
  path: string,
  from: Pick<PolicyFolder, 'path' | 'config'> & Partial<Pick<PolicyFolder, 'tokenizerPath'>>,
  weights: Tensors | WeightSource,
  addFiles: (folder: string) => Promise<void> = async () => {},
  { dtype = 'f32' }: SaveOptions = {},
): Promise<void> {
  const [stored, named] = dtype === 'f32' ? (['F32', 'float32'] as const) : (['BF16', 'bfloat16'] as const);
  await writeFolderAside(path, async (to) => {
    const change = (name: string, bytes: Buffer) =>
      name === 'config.json' ? withDtype(bytes.toString('utf8'), named) : bytes;
    await copyFiles(modelFiles, { from: from.path, to, change });
    await copyFiles(tokenizerFiles, { from: from.tokenizerPath ?? from.path, to });
    const layout = await weightLayout(from.path);
    await saveWeights(to, weights, { config: from.config, layout, dtype: stored });
    await addFiles(to);
  });
}

function defaultFormat(tokenizer: PolicyTokenizer): RenderFormat {
  return tokenizer.id('<start_of_turn>') === undefined ? plainFormat : gemmaFormat;
}

async function readJson(path: string, optional = false): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (optional && (cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new DataError(`${path}: cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DataError(`${path}: expected JSON, found something else: ${(cause as Error).message}`, {
      cause,
    });
  }
}
