/**
 * A policy's weights as they lie in its folder. Everything that can be known without reading the numbers is
 * checked when the files are opened, so that nothing is uploaded of a folder that does not fit; then they are
 * read slice by slice.
 */
import { basename, join } from 'node:path';
import { type DecoderConfig, sizeOf, tensorShapes } from '../engine/config.ts';
import type { Tensors, WeightSource } from '../engine/engine.ts';
import type { Packing } from '../engine/packed.ts';
import { DataError } from '../errors.ts';
import { packedFormat } from './gguf/pack.ts';
import { GgufFile } from './gguf/weights.ts';
import { SafetensorsFile } from './safetensors.ts';
import { isOfSight, isPartOfSeeingModel } from './seeing-model.ts';
import type { TensorFile, TensorInfo } from './tensor-file.ts';
import { plainName } from './tensor-names.ts';
import { ggufFile, indexFile, singleFile, type WeightLayout, weightLayout } from './weight-layout.ts';

/** Open weight files; the caller closes them. */
export interface WeightFiles extends WeightSource {
  /**
   * The formats that the decoder's tensors are stored in: bf16 is exact for frozen weights where it is the
   * only one.
   */
  readonly dtypes: ReadonlySet<string>;
  /** Which matrices are packed, as engines can keep them. */
  readonly packed: Packing;
  close(): Promise<void>;
}

/** The folder that the weights lie in, and the decoder that they must fit. */
export interface WeightFolder {
  readonly path: string;
  readonly config: DecoderConfig;
}

const embedding = 'model.embed_tokens.weight';
const HEAD = 'lm_head.weight';

/** Stored by old versions of transformers, and computed from config.json since. */
function isDerived(name: string): boolean {
  return name.endsWith('.rotary_emb.inv_freq');
}

/**
 * Opens the weights of a folder. Throws `DataError`, with the file, the tensor and both shapes, where a
 * tensor is missing, twice, too much, of another shape or of a format that is not read, and where files are
 * missing or cut.
 */
export async function openWeights({ path, config }: WeightFolder): Promise<WeightFiles> {
  const layout = await weightLayout(path);
  if (layout === null) {
    throw new DataError(
      `${join(path, singleFile)}: expected the policy's weights, found no such file, and no ${indexFile} or ${ggufFile}`,
    );
  }
  const files: TensorFile[] = [];
  const close = async () => {
    for (const file of files) await file.close();
  };
  try {
    for (const name of layout.files) files.push(await openFile(join(path, name)));
    const where = join(path, layout.index === null ? (layout.files[0] ?? singleFile) : indexFile);
    const stored = byPlainNames(storedTensors(files, layout, where), config);
    if (config.tiedHead) await tieHead(stored);
    const dtypes = checkShapes(stored, config, where);
    const tensorOf = (name: string) => {
      const tensor = stored.get(name);
      if (tensor === undefined) throw new DataError(`${where}: expected a tensor ${name}, found none`);
      return tensor;
    };
    const read: WeightFiles['read'] = async (name, visit) => {
      const tensor = tensorOf(name);
      await tensor.file.readSlices(tensor.name, visit);
    };
    const readPacked: WeightFiles['readPacked'] = async (name, visit) => {
      const tensor = tensorOf(name);
      if (!tensor.file.readPacked)
        throw new DataError(`${where}: expected ${name} to be packed, found ${tensor.dtype}`);
      await tensor.file.readPacked(tensor.name, visit);
    };
    return { dtypes, packed: packingOf(stored), read, readPacked, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** All of the weights as f32: for policies that fit into memory. Throws as `openWeights`. */
export async function readWeights(policy: WeightFolder): Promise<Tensors> {
  const files = await openWeights(policy);
  try {
    const weights: Tensors = new Map();
    for (const [name, shape] of tensorShapes(policy.config)) {
      const values = new Float32Array(sizeOf(shape));
      await files.read(name, (slice, at) => values.set(slice, at));
      weights.set(name, values);
    }
    return weights;
  } finally {
    await files.close();
  }
}

function openFile(path: string): Promise<TensorFile> {
  return basename(path) === ggufFile ? GgufFile.open(path) : SafetensorsFile.open(path);
}

function packingOf(stored: ReadonlyMap<string, StoredTensor>): Packing {
  return new Map(
    [...stored].flatMap(([name, { file, dtype, shape }]) => {
      const format = file.readPacked && packedFormat(dtype);
      return format && shape.length === 2 ? [[name, format]] : [];
    }),
  );
}

/** Where a tensor lies, under which name, and what the file's header says of it. */
interface StoredTensor extends TensorInfo {
  readonly file: TensorFile;
  readonly name: string;
}

/** Every tensor of the files. What the index says must be what the files hold, no more and no less. */
function storedTensors(
  files: readonly TensorFile[],
  { index }: WeightLayout,
  where: string,
): Map<string, StoredTensor> {
  const stored = new Map<string, StoredTensor>();
  for (const file of files) {
    for (const [name, info] of file.tensors) {
      const other = stored.get(name)?.file.path;
      if (other !== undefined)
        throw new DataError(`expected one tensor ${name}, found it in ${other} and in ${file.path}`);
      stored.set(name, { ...info, file, name });
    }
  }
  for (const [name, fileName] of index?.fileOf ?? []) {
    if (basename(stored.get(name)?.file.path ?? '') !== fileName)
      throw new DataError(`${where}: expected a tensor ${name} in ${fileName}, found none in it`);
  }
  for (const [name, { file }] of stored) {
    if (index !== null && !index.fileOf.has(name))
      throw new DataError(`${file.path}: found a tensor ${name} that ${where} does not list`);
  }
  return stored;
}

/** The tensors by the names that the decoder knows them by. */
function byPlainNames(
  stored: ReadonlyMap<string, StoredTensor>,
  config: DecoderConfig,
): Map<string, StoredTensor> {
  const known = new Set([...tensorShapes(config).keys(), HEAD]);
  const plain = new Map<string, StoredTensor>();
  const sees = isPartOfSeeingModel(config);
  for (const [name, tensor] of stored) {
    if (sees && isOfSight(name)) continue;
    const meant = plainName(name, known);
    const other = plain.get(meant);
    if (other !== undefined)
      throw new DataError(
        `${tensor.file.path}: expected one tensor ${meant}, found ${other.name} and ${name}`,
      );
    plain.set(meant, tensor);
  }
  return plain;
}

/**
 * A tied head may be stored a second time, or in place of the embedding. Both must be the same: transformers
 * would untie them otherwise (modeling_utils.py, `tie_weights`).
 */
async function tieHead(stored: Map<string, StoredTensor>): Promise<void> {
  const head = stored.get(HEAD);
  if (head === undefined) return;
  const tied = stored.get(embedding) ?? head;
  const [headIs, tiedIs] = [head, tied].map(({ shape, dtype }) => `(${shape.join(', ')}) of ${dtype}`);
  const same =
    head === tied ||
    (headIs === tiedIs && (await head.file.hash(head.name)) === (await tied.file.hash(tied.name)));
  if (!same) {
    throw new DataError(
      `${head.file.path}: expected ${head.name} ${headIs} to be ${tied.name} ${tiedIs}, as "tie_word_embeddings" in ` +
        'config.json says, found other numbers. Set it to false if the head is its own, or leave the tensor out.',
    );
  }
  stored.set(embedding, tied);
  stored.delete(HEAD);
}

const UNTIED =
  '. "tie_word_embeddings" in config.json, or what it is where that says nothing, gives this decoder a head of its ' +
  'own. Set it to true if the head is the embedding; otherwise the folder is not whole.';

/** The formats of the decoder's tensors, all of which are there in the shapes that config.json says. */
function checkShapes(
  stored: ReadonlyMap<string, StoredTensor>,
  config: DecoderConfig,
  where: string,
): ReadonlySet<string> {
  const dtypes = new Set<string>();
  const shapes = tensorShapes(config);
  for (const [name, shape] of shapes) {
    const expected = `(${shape.join(', ')})`;
    const found = stored.get(name);
    if (found === undefined)
      throw new DataError(
        `${where}: expected a tensor ${name} ${expected}, found none${name === HEAD ? UNTIED : ''}`,
      );
    const { path, dtypes: read } = found.file;
    if (found.shape.join() !== shape.join()) {
      throw new DataError(
        `${path}: expected ${name} to have shape ${expected} as config.json says, found (${found.shape.join(', ')})`,
      );
    }
    if (!read.includes(found.dtype)) {
      throw new DataError(
        `${path}: expected ${name} ${expected} in ${read.join(', ')}, found ${found.dtype}: Swirl reads no others`,
      );
    }
    dtypes.add(found.dtype);
  }
  for (const [name, { file }] of stored) {
    if (!shapes.has(name) && !isDerived(name))
      throw new DataError(`${file.path}: found a tensor ${name} that the shape in config.json does not have`);
  }
  return dtypes;
}
