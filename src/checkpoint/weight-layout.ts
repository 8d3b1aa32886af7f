/**
 * Which file of a policy's folder holds which tensor: one `model.safetensors`, or several with an index, as
 * transformers writes them, or a `model.gguf`. A checkpoint is saved in the layout that it came in, of a GGUF
 * file as one `model.safetensors`.
 */
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { DataError } from '../errors.ts';

export const singleFile = 'model.safetensors';
export const indexFile = 'model.safetensors.index.json';
export const ggufFile = 'model.gguf';

export interface WeightLayout {
  /** The files' names within the folder, in order. */
  readonly files: readonly string[];
  /**
   * The file of each tensor, by its name, with the index's own notes; null where there is one file and no
   * index.
   */
  readonly index: {
    readonly fileOf: ReadonlyMap<string, string>;
    readonly metadata: Readonly<Record<string, unknown>>;
  } | null;
}

const indexJson = z.looseObject({
  metadata: z.looseObject({}).default({}),
  weight_map: z.record(z.string(), z.string()),
});

/**
 * The layout of a folder; with both one file and an index it is the one file, as transformers has it; a GGUF
 * file where there is neither. Null where there is none. Throws `DataError` where the index is none, or names files outside of the folder.
 */
export async function weightLayout(folder: string): Promise<WeightLayout | null> {
  if (await isThere(join(folder, singleFile))) return { files: [singleFile], index: null };
  const path = join(folder, indexFile);
  if (!(await isThere(path)))
    return (await isThere(join(folder, ggufFile))) ? { files: [ggufFile], index: null } : null;
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new DataError(`${path}: expected JSON, found something else: ${(cause as Error).message}`, {
      cause,
    });
  }
  const parsed = indexJson.safeParse(json);
  if (!parsed.success) throw new DataError(`${path}: ${z.prettifyError(parsed.error)}`);
  const { weight_map: map, metadata } = parsed.data;
  const fileOf = new Map(Object.entries(map));
  const files = [...new Set(fileOf.values())].sort();
  if (files.length === 0)
    throw new DataError(`${path}: expected a "weight_map" of tensors, found none in it`);
  for (const file of files) checkFileName(path, file);
  return { files, index: { fileOf, metadata } };
}

/** An index may come from anywhere: it must not name what lies elsewhere, nor files that are no weights. */
function checkFileName(path: string, file: string): void {
  const within = basename(file) === file && !/[\\\0]/.test(file);
  if (within && file.endsWith('.safetensors')) return;
  throw new DataError(
    `${path}: expected names of .safetensors files beside it, found ${JSON.stringify(file)}. A policy's folder holds all of its weights.`,
  );
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
