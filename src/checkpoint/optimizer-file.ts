/** AdamW's state as a safetensors file: `m.NAME` and `v.NAME` per tensor, and the step in its metadata. */

import type { TensorShapes } from '../engine/config.ts';
import { checkTensors } from '../engine/config.ts';
import type { OptimizerState, Tensors } from '../engine/engine.ts';
import { DataError } from '../errors.ts';
import { SafetensorsFile, writeSafetensors } from './safetensors.ts';

/** Writes and flushes; exact. */
export async function writeOptimizer(
  path: string,
  state: OptimizerState,
  shapes: TensorShapes,
): Promise<void> {
  const tensors = new Map<string, { shape: readonly number[]; values: Float32Array }>();
  for (const [prefix, moments] of [
    ['m', state.m],
    ['v', state.v],
  ] as const) {
    checkTensors(moments, shapes, `optimizer state, ${prefix}`);
    for (const [name, values] of moments)
      tensors.set(`${prefix}.${name}`, { shape: shapes.get(name) ?? [], values });
  }
  await writeSafetensors(path, tensors, { metadata: { step: String(state.step) } });
}

/** Throws `DataError` where the file is not sound, and `ConfigError` where it belongs to another shape. */
export async function readOptimizer(path: string, shapes: TensorShapes): Promise<OptimizerState> {
  const file = await SafetensorsFile.open(path);
  try {
    const step = Number(file.metadata.get('step'));
    if (!Number.isSafeInteger(step) || step < 0) {
      throw new DataError(`${path}: expected "step" in the metadata, found ${file.metadata.get('step')}`);
    }
    const moments = { m: new Map() as Tensors, v: new Map() as Tensors };
    for (const name of file.tensors.keys()) {
      const into = name.startsWith('m.') ? moments.m : moments.v;
      into.set(name.slice(2), await file.read(name));
    }
    checkTensors(moments.m, shapes, `${path}, m`);
    checkTensors(moments.v, shapes, `${path}, v`);
    return { step, ...moments };
  } finally {
    await file.close();
  }
}
