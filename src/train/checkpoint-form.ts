/** What a checkpoint's folder holds of the policy: all of it, or its adapters. */

import { readAdapter, saveAdapter } from '../checkpoint/adapter-folder.ts';
import { type PolicyFolder, savePolicy } from '../checkpoint/folder.ts';
import { readWeights } from '../checkpoint/weight-files.ts';
import type { TensorShapes } from '../engine/config.ts';
import { tensorShapes } from '../engine/config.ts';
import type { LoraShape, Tensors } from '../engine/engine.ts';
import { adapterShapes } from '../engine/lora.ts';

export interface CheckpointForm {
  /** Of the tensors that are trained. */
  readonly shapes: TensorShapes;
  /** Throws `DataError` or `ConfigError` where the folder's tensors are damaged, or others. */
  read(path: string): Promise<Tensors>;
  /** Makes the folder as a whole or not at all, with the files that `addFiles` puts into it. */
  save(path: string, weights: Tensors, addFiles: (folder: string) => Promise<void>): Promise<void>;
}

/** Where the decoder's configuration, its own weights and the tokenizer lie: a `PolicyFolder`. */
type Origin = Pick<PolicyFolder, 'path' | 'config'> & Partial<Pick<PolicyFolder, 'tokenizerPath'>>;

/** A Hugging Face folder, with the JSON files of `policy`. */
export function wholePolicy(policy: Origin): CheckpointForm {
  return {
    shapes: tensorShapes(policy.config),
    read: (path) => readWeights({ path, config: policy.config }),
    save: (path, weights, addFiles) => savePolicy(path, policy, weights, addFiles),
  };
}

/** A folder of PEFT, which names that of `policy` as its base. */
export function adaptersOn(policy: Origin, lora: LoraShape): CheckpointForm {
  return {
    shapes: adapterShapes(policy.config, lora),
    read: async (path) => (await readAdapter(path, policy.config)).tensors,
    save: (path, tensors, addFiles) => saveAdapter(path, { base: policy, lora, tensors }, addFiles),
  };
}
