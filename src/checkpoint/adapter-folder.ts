/**
 * Adapters as PEFT keeps them: a folder with `adapter_config.json`, `adapter_model.safetensors`, and the
 * tokenizer's files so that it can be used by itself. The decoder's own weights stay where they are, in the
 * folder that it names.
 */
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { checkTensors, type DecoderConfig, PROJECTIONS, sizeOf } from '../engine/config.ts';
import type { LoraShape, Tensors } from '../engine/engine.ts';
import { adapterShapes } from '../engine/lora.ts';
import { isWeightDtype } from '../engine/number-formats.ts';
import { ConfigError, DataError } from '../errors.ts';
import { tokenizerFiles } from '../tokenizer/tokenizer.ts';
import { adapterConfigJson, parseAdapterConfig } from './adapter-config.ts';
import { copyFiles, writeFolderAside, writeJson } from './folder-aside.ts';
import { SafetensorsFile, writeSafetensors } from './safetensors.ts';
import { isPartOfSeeingModel, nameWithin, targetsWithin } from './seeing-model.ts';
import { plainName } from './tensor-names.ts';

const configFile = 'adapter_config.json';
const tensorFile = 'adapter_model.safetensors';

export interface Adapters {
  readonly lora: LoraShape;
  /** By PEFT's names; every tensor of `adapterShapes`. */
  readonly tensors: Tensors;
}

/** Whether a folder holds adapters, not a whole policy. */
export async function isAdapterFolder(path: string): Promise<boolean> {
  return (await stat(join(path, configFile)).catch(() => undefined)) !== undefined;
}

/**
 * The folder of the decoder that adapters were trained on: absolute, relative to theirs, or to where the
 * process runs. Throws `ConfigError` where there is none.
 */
export async function adapterBase(path: string): Promise<string> {
  const { base } = await readConfig(path);
  for (const candidate of base === null ? [] : [resolve(path, base), resolve(base)]) {
    const found = await stat(join(candidate, 'config.json')).catch(() => undefined);
    if (found !== undefined && candidate !== resolve(path)) return candidate;
  }
  throw new ConfigError(
    `${join(path, configFile)}: expected "base_model_name_or_path" to be the folder of the policy that the adapters belong ` +
      `to, found ${JSON.stringify(base)}. Swirl loads nothing from a hub: copy that policy here and name its folder.`,
  );
}

/** The shape of a folder's adapters, from its files' headers. Throws as `readAdapter`. */
export async function adapterShape(path: string, config: DecoderConfig): Promise<LoraShape> {
  const { file, lora } = await open(path, config);
  await file.close();
  return lora;
}

/**
 * Reads adapters of a decoder. Layers that have none get such that add nothing, and never will: both matrices
 * zero. Throws `ConfigError` for what is not plain LoRA, and `DataError` where the tensors are not those of
 * such adapters on this decoder.
 */
export async function readAdapter(path: string, config: DecoderConfig): Promise<Adapters> {
  const { file, lora } = await open(path, config);
  try {
    const tensors: Tensors = new Map();
    const shapes = adapterShapes(config, lora);
    const stored = new Map([...file.tensors.keys()].map((name) => [plainName(name, shapes), name]));
    for (const [name, shape] of shapes) {
      const found = stored.get(name);
      tensors.set(name, found === undefined ? new Float32Array(sizeOf(shape)) : await file.read(found));
    }
    return { lora, tensors };
  } finally {
    await file.close();
  }
}

export interface SavedAdapters extends Adapters {
  /** The policy whose weights are frozen, which the folder names; its tokenizer's files are copied. */
  readonly base: {
    readonly path: string;
    readonly tokenizerPath?: string;
    readonly config: DecoderConfig;
  };
}

/**
 * Saves adapters under a new path, as a whole or not at all, with what `addFiles` adds to the folder. A
 * folder that is already there is replaced. The numbers are f32, to the bit.
 */
export async function saveAdapter(
  path: string,
  { base, lora, tensors }: SavedAdapters,
  addFiles: (folder: string) => Promise<void> = async () => {},
): Promise<void> {
  const shapes = adapterShapes(base.config, lora);
  checkTensors(tensors, shapes, `the adapters for ${path}`);
  await writeFolderAside(path, async (to) => {
    // Absolute, as PEFT takes a relative path from wherever it runs.
    const within = isPartOfSeeingModel(base.config);
    const json = adapterConfigJson(lora, resolve(base.path));
    const targets = within ? { target_modules: targetsWithin(lora.targets) } : {};
    await writeJson(join(to, configFile), { ...json, ...targets });
    await copyFiles(tokenizerFiles, { from: base.tokenizerPath ?? base.path, to });
    const named = [...shapes].map(
      ([name, shape]) =>
        [
          within ? nameWithin(name) : name,
          { shape, values: tensors.get(name) ?? new Float32Array() },
        ] as const,
    );
    await writeSafetensors(join(to, tensorFile), new Map(named));
    await addFiles(to);
  });
}

/** The open file of adapters, checked, and their shape. */
async function open(
  path: string,
  config: DecoderConfig,
): Promise<{ readonly file: SafetensorsFile; readonly lora: LoraShape }> {
  const { rank, scale } = await readConfig(path);
  const file = await SafetensorsFile.open(join(path, tensorFile));
  try {
    const targets = PROJECTIONS.filter((projection) =>
      [...file.tensors.keys()].some((name) => name.includes(`.${projection}.lora_`)),
    );
    if (targets.length === 0) {
      throw new DataError(
        `${file.path}: expected LoRA matrices of some of ${PROJECTIONS.join(', ')}, found none`,
      );
    }
    const lora = { rank, scale, targets };
    checkFile(file, config, lora);
    return { file, lora };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function checkFile(file: SafetensorsFile, config: DecoderConfig, lora: LoraShape): void {
  const shapes = adapterShapes(config, lora);
  const there = new Set<string>();
  for (const name of file.tensors.keys()) {
    const meant = plainName(name, shapes);
    if (there.has(meant)) throw new DataError(`${file.path}: expected one tensor ${meant}, found it twice`);
    there.add(meant);
  }
  for (const [stored, { shape, dtype }] of file.tensors) {
    const name = plainName(stored, shapes);
    const expected = shapes.get(name);
    if (expected === undefined) {
      throw new DataError(
        `${file.path}: found a tensor ${name}, which is no LoRA matrix of a projection of this decoder's ${config.layers} layers. ` +
          'Merge such adapters into their base with PEFT (merge_and_unload), and use the merged policy.',
      );
    }
    if (expected.join() !== shape.join()) {
      throw new DataError(
        `${file.path}: expected ${name} to have shape (${expected.join(', ')}) as ${configFile} and the base's config.json ` +
          `say, found (${shape.join(', ')})`,
      );
    }
    if (!isWeightDtype(dtype))
      throw new DataError(`${file.path}: expected ${name} in F32, BF16 or F16, found ${dtype}`);
    const twin = name.includes('.lora_A.')
      ? name.replace('lora_A', 'lora_B')
      : name.replace('lora_B', 'lora_A');
    if (!there.has(twin))
      throw new DataError(`${file.path}: expected a tensor ${twin} beside ${name}, found none`);
  }
}

async function readConfig(path: string) {
  const where = join(path, configFile);
  let json: unknown;
  try {
    json = JSON.parse(await readFile(where, 'utf8'));
  } catch (cause) {
    throw new DataError(`${where}: cannot be read as JSON: ${(cause as Error).message}`, { cause });
  }
  return parseAdapterConfig(json, where);
}
