/**
 * A policy as a Hugging Face folder: `config.json`, `model.safetensors`, `tokenizer.json`, `tokenizer_config.json` and
 * where there is one `generation_config.json`. Other tools open what is saved here.
 */
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { ConfigError, DataError } from '../errors.ts';
import type { DecoderConfig } from './config.ts';
import { tensorShapes } from './config.ts';
import type { Tensors } from './engine.ts';
import { parseDecoderConfig } from './families.ts';
import type { RenderFormat } from './render.ts';
import { gemmaFormat, plainFormat, Renderer, renderFormat } from './render.ts';
import { SafetensorsFile, writeSafetensors } from './safetensors.ts';
import { PolicyTokenizer } from './tokenizer.ts';

/** Everything of a policy but its weights. */
export interface PolicyFolder {
  readonly path: string;
  readonly config: DecoderConfig;
  readonly tokenizer: PolicyTokenizer;
  readonly renderer: Renderer;
}

/** Files that a saved policy takes over as they are, where they exist. */
const jsonFiles = [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'generation_config.json',
  'special_tokens_map.json',
] as const;

const endIds = z.looseObject({ eos_token_id: z.union([z.int(), z.array(z.int())]).nullish() });
const tokenizerConfig = z.looseObject({ swirl: renderFormat.optional() });

/** Opens a policy's folder without its weights. Throws `ConfigError` or `DataError`, with the file's name. */
export async function openPolicy(path: string): Promise<PolicyFolder> {
  const present = await stat(path).catch(() => undefined);
  if (!present?.isDirectory()) {
    throw new ConfigError(
      `${path}: expected a policy's folder (config.json, model.safetensors, tokenizer.json), found none`,
    );
  }
  const configPath = join(path, 'config.json');
  const configJson = await readJson(configPath);
  const config = parseDecoderConfig(configJson, configPath);
  const settingsPath = join(path, 'tokenizer_config.json');
  const settings = tokenizerConfig.safeParse((await readJson(settingsPath, true)) ?? {});
  if (!settings.success) throw new ConfigError(`${settingsPath}: ${z.prettifyError(settings.error)}`);
  const tokenizerPath = join(path, 'tokenizer.json');
  const tokenizer = new PolicyTokenizer(await readJson(tokenizerPath), settings.data, tokenizerPath);
  if (tokenizer.vocabularySize > config.vocabSize) {
    throw new ConfigError(
      `${tokenizerPath}: expected ids below the decoder's vocabulary of ${config.vocabSize}, found ${tokenizer.vocabularySize - 1}`,
    );
  }
  const generation = await readJson(join(path, 'generation_config.json'), true);
  const ends = [configJson, generation].flatMap((json) => endIds.safeParse(json).data?.eos_token_id ?? []);
  const format = settings.data.swirl ?? defaultFormat(tokenizer);
  const renderer = new Renderer(
    tokenizer,
    format,
    ends.filter((id) => tokenizer.specialIds.has(id)),
  );
  return { path, config, tokenizer, renderer };
}

/** Reads a policy's weights as f32. Throws `DataError` where tensors are missing or have other shapes. */
export async function readWeights(policy: Pick<PolicyFolder, 'path' | 'config'>): Promise<Tensors> {
  const path = join(policy.path, 'model.safetensors');
  if (!(await stat(path).catch(() => undefined))) {
    const index = await stat(`${path}.index.json`).catch(() => undefined);
    throw new DataError(
      index
        ? `${policy.path}: expected one model.safetensors, found a sharded checkpoint. Save it again as one file.`
        : `${path}: expected the policy's weights, found no such file`,
    );
  }
  const file = await SafetensorsFile.open(path);
  try {
    const weights: Tensors = new Map();
    const shapes = tensorShapes(policy.config);
    for (const [name, shape] of shapes) {
      const found = file.tensors.get(name);
      if (!found) throw new DataError(`${path}: expected a tensor ${name} (${shape.join(', ')}), found none`);
      if (found.shape.join() !== shape.join()) {
        throw new DataError(
          `${path}: expected ${name} to have shape (${shape.join(', ')}) as config.json says, found (${found.shape.join(', ')})`,
        );
      }
    }
    // A tied head is sometimes stored a second time.
    const extra = [...file.tensors.keys()].find((name) => !shapes.has(name) && name !== 'lm_head.weight');
    if (extra)
      throw new DataError(`${path}: found a tensor ${extra} that the shape in config.json does not have`);
    for (const name of shapes.keys()) weights.set(name, await file.read(name));
    return weights;
  } finally {
    await file.close();
  }
}

/**
 * Saves a policy under a new path: the JSON files of `from`, and these weights. It is written aside, with what
 * `addFiles` adds to it, flushed, and renamed into place: it is there as a whole or not at all. A folder that is
 * already there is replaced.
 */
export async function savePolicy(
  path: string,
  from: Pick<PolicyFolder, 'path' | 'config'>,
  weights: Tensors,
  addFiles: (folder: string) => Promise<void> = async () => {},
): Promise<void> {
  const shapes = tensorShapes(from.config);
  await writeFolderAside(path, async (folder) => {
    for (const name of jsonFiles) {
      const bytes = await readFile(join(from.path, name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
        return undefined;
      });
      if (bytes) await writeFile(join(folder, name), bytes, { flush: true });
    }
    const tensors = new Map(
      [...shapes].map(([name, shape]) => [name, { shape, values: weights.get(name) ?? new Float32Array() }]),
    );
    await writeSafetensors(join(folder, 'model.safetensors'), tensors);
    await addFiles(folder);
  });
}

/** Fills a folder beside `path` by `fill`, and renames it to `path`. What was there is replaced. */
export async function writeFolderAside(path: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const aside = join(dirname(path), `.${basename(path)}.new`);
  const old = join(dirname(path), `.${basename(path)}.old`);
  await rm(aside, { recursive: true, force: true });
  await mkdir(aside, { recursive: true });
  await fill(aside);
  await flushFolder(aside);
  await rm(old, { recursive: true, force: true });
  await rename(path, old).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(aside, path);
  await flushFolder(dirname(path));
  await rm(old, { recursive: true, force: true });
}

/** Writes a JSON file as people read it, and flushes it. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`, { flush: true });
}

/** A rename lasts once its folder is flushed. */
export async function flushFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
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
