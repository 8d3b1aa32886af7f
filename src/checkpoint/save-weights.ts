/** Writes a policy's weights in the layout that it came in: one file, or the same shards with their index. */
import { join } from 'node:path';
import { type DecoderConfig, sizeOf, tensorShapes } from '../engine/config.ts';
import type { Tensors, WeightSource } from '../engine/engine.ts';
import { valueBytes } from '../engine/number-formats.ts';
import { writeJson } from './folder-aside.ts';
import { type TensorToWrite, writeSafetensors } from './safetensors.ts';
import { plainName } from './tensor-names.ts';
import { indexFile, singleFile, type WeightLayout } from './weight-layout.ts';

export interface SaveWeightsOptions {
  readonly config: DecoderConfig;
  readonly layout: WeightLayout | null;
  readonly dtype: 'F32' | 'BF16';
}

/** Tensor by tensor, from memory or from where they are read. Flushes what it writes. */
export async function saveWeights(
  folder: string,
  weights: Tensors | WeightSource,
  { config, layout, dtype }: SaveWeightsOptions,
): Promise<void> {
  const shapes = tensorShapes(config);
  const known = new Set([...shapes.keys(), 'lm_head.weight']);
  const stored = new Map(
    [...(layout?.index?.fileOf ?? [])].map(([name, file]) => [plainName(name, known), file]),
  );
  const fileOf = (name: string) => (layout?.index ? fileIn(stored, name) : singleFile);
  const files = new Map<string, Map<string, TensorToWrite>>();
  for (const [name, shape] of shapes) {
    const values: TensorToWrite['values'] =
      weights instanceof Map
        ? (weights.get(name) ?? new Float32Array())
        : (visit) => weights.read(name, visit);
    const file = fileOf(name);
    files.set(file, (files.get(file) ?? new Map()).set(name, { shape, values }));
  }
  for (const [file, tensors] of files) await writeSafetensors(join(folder, file), tensors, { dtype });
  if (!layout?.index) return;
  const parameters = [...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
  const { metadata } = layout.index;
  await writeJson(join(folder, indexFile), {
    metadata: {
      ...metadata,
      ...('total_parameters' in metadata ? { total_parameters: parameters } : {}),
      total_size: parameters * (valueBytes(dtype) ?? 0),
    },
    weight_map: Object.fromEntries([...shapes.keys()].sort().map((name) => [name, fileOf(name)])),
  });
}

/** An embedding that was stored as the head it is tied to takes the head's place. */
function fileIn(fileOf: ReadonlyMap<string, string>, name: string): string {
  const file = fileOf.get(name) ?? fileOf.get('lm_head.weight');
  if (file === undefined) throw new RangeError(`${name}: expected the index to name its file, found none`);
  return file;
}
