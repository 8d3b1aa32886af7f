/**
 * A policy as a Hugging Face folder: `config.json`, `model.safetensors`, `tokenizer.json`,
 * `tokenizer_config.json` and where there is one `generation_config.json`. Other tools open what is saved
 * here.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { DecoderConfig } from '../engine/config.ts';
import type { LoraShape, Tensors, WeightSource } from '../engine/engine.ts';
import { decoderJson, parseDecoderConfig } from '../engine/families.ts';
import { ConfigError } from '../errors.ts';
import { readJson } from '../input/folder-files.ts';
import { type Language, openLanguage } from '../tokenizer/language.ts';
import type { LanguageSettings } from '../tokenizer/language-settings.ts';
import type { Renderer } from '../tokenizer/render.ts';
import type { TemplateVariables } from '../tokenizer/template-variables.ts';
import { type PolicyTokenizer, tokenizerFiles } from '../tokenizer/tokenizer.ts';
import { adapterBase, adapterShape, isAdapterFolder } from './adapter-folder.ts';
import { withDtype } from './config-dtype.ts';
import { copyFiles, writeFolderAside } from './folder-aside.ts';
import { readManifest } from './manifest.ts';
import { saveWeights } from './save-weights.ts';
import { aloneConfigText, isPartOfSeeingModel } from './seeing-model.ts';
import { weightLayout } from './weight-layout.ts';

/** A decoder's folder without its weights. */
export interface DecoderFolder {
  /** Where config.json and the weights lie. */
  readonly path: string;
  /** Where the tokenizer's files lie. */
  readonly tokenizerPath: string;
  readonly config: DecoderConfig;
  /**
   * Adapters on the decoder, and their folder: the one that was opened; null where it is the decoder's own.
   */
  readonly adapter: { readonly path: string; readonly lora: LoraShape } | null;
  /** Ids that end or begin a text, as the folder names them. */
  readonly endsOfText: readonly number[];
  readonly beginningOfText: number | null;
}

/** Everything of a policy but its weights. */
export interface PolicyFolder extends DecoderFolder {
  readonly tokenizer: PolicyTokenizer;
  readonly renderer: Renderer;
}

/** Files of the decoder beside its weights. */
const modelFiles = ['config.json', 'generation_config.json'];

const textEnds = z.looseObject({
  eos_token_id: z.union([z.int(), z.array(z.int())]).nullish(),
  bos_token_id: z.int().nullish(),
});

/** What decides how a policy's conversations are rendered, beside its folder. */
export interface PolicyText {
  readonly templateVariables?: TemplateVariables;
  readonly renderTimeoutMs?: number;
}

/**
 * Opens a policy's folder without its weights; with adapters in it (PEFT's format), the folder of their base
 * too. Throws `ConfigError` or `DataError`, with the file's name.
 */
export async function openPolicy(
  path: string,
  { templateVariables = {}, renderTimeoutMs }: PolicyText = {},
): Promise<PolicyFolder> {
  const decoder = await openDecoder(path);
  const { tokenizer, renderer } = await openLanguage(decoder.tokenizerPath, {
    ...languageSettings(decoder),
    templateVariables,
    renderTimeoutMs,
  });
  return { ...decoder, tokenizer, renderer: renderer() };
}

/** The same where a tokenizer is not needed, and may be missing. */
export async function openDecoder(path: string): Promise<DecoderFolder> {
  const present = await stat(path).catch(() => undefined);
  if (!present?.isDirectory()) {
    if (path.endsWith('.gguf') && present)
      throw new ConfigError(
        `${path}: expected a policy's folder, found a GGUF file: make one of it with \`swirl gguf FILE FOLDER\``,
      );
    throw new ConfigError(
      `${path}: expected a policy's folder (config.json, model.safetensors, tokenizer.json), found none`,
    );
  }
  await readManifest(path, { check: 'files' });
  const adapts = await isAdapterFolder(path);
  const base = adapts ? await adapterBase(path) : path;
  const configPath = join(base, 'config.json');
  const configJson = await readJson(configPath, { optional: true });
  if (configJson === undefined) {
    throw new ConfigError(
      `${base}: expected a policy's folder (config.json, model.safetensors, tokenizer.json), found no config.json`,
    );
  }
  const config = parseDecoderConfig(configJson, configPath);
  const adapter = adapts ? { path, lora: await adapterShape(path, config) } : null;
  const tokenizerPath = adapts && (await hasTokenizer(path)) ? path : base;
  const generation = await readJson(join(base, 'generation_config.json'), { optional: true });
  const ends = [configJson, decoderJson(configJson), generation].map((json) => textEnds.safeParse(json).data);
  const endsOfText = ends.flatMap((each) => each?.eos_token_id ?? []);
  const beginningOfText = ends.find((each) => each?.bos_token_id != null)?.bos_token_id ?? null;
  return { path: base, tokenizerPath, config, adapter, endsOfText, beginningOfText };
}

/** How a decoder's policy reads and writes; null where its folder has no tokenizer. */
export async function openLanguageOf(decoder: DecoderFolder): Promise<Language | null> {
  if (!(await hasTokenizer(decoder.tokenizerPath))) return null;
  return openLanguage(decoder.tokenizerPath, languageSettings(decoder));
}

function languageSettings({ config, endsOfText, beginningOfText }: DecoderFolder): LanguageSettings {
  return { vocabSize: config.vocabSize, endsOfText, beginningOfText };
}

async function hasTokenizer(path: string): Promise<boolean> {
  return (await stat(join(path, 'tokenizer.json')).catch(() => undefined)) !== undefined;
}

export interface SaveOptions {
  /** f32, to the bit, so that training goes on where it was; or bf16, rounded to the nearest, for others. */
  readonly dtype?: 'f32' | 'bf16';
}

/**
 * Saves a policy under a new path: the JSON files of `from`, and these weights in the layout of its own. It
 * is written aside, with what `addFiles` adds to it, flushed, and renamed into place: it is there as a whole
 * or not at all. A folder that is already there is replaced.
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
    const change = (name: string, bytes: Buffer) => {
      if (name !== 'config.json') return bytes;
      const text = bytes.toString('utf8');
      return withDtype(isPartOfSeeingModel(from.config) ? aloneConfigText(text) : text, named);
    };
    await copyFiles(modelFiles, { from: from.path, to, change });
    await copyFiles(tokenizerFiles, { from: from.tokenizerPath ?? from.path, to });
    const layout = await weightLayout(from.path);
    await saveWeights(to, weights, { config: from.config, layout, dtype: stored });
    await addFiles(to);
  });
}
