/** What a checkpoint's folder holds of the policy: all of it, or its adapters. */

import type { TensorShapes } from '../policy/config.ts';
import { tensorShapes } from '../policy/config.ts';
import type { Tensors } from '../policy/engine.ts';
import { type PolicyFolder, readWeights, savePolicy } from '../policy/folder.ts';

export interface CheckpointForm {
  /** Of the tensors that are trained. */
  readonly shapes: TensorShapes;
  /** Throws `DataError` or `ConfigError` where the folder's tensors are damaged, or others. */
  read(path: string): Promise<Tensors>;
  /** Makes the folder as a whole or not at all, with the files that `addFiles` puts into it. */
  save(path: string, weights: Tensors, addFiles: (folder: string) => Promise<void>): Promise<void>;
}

/** A Hugging Face folder, with the JSON files of `policy`. */
export function wholePolicy(policy: Pick<PolicyFolder, 'path' | 'config'>): CheckpointForm {
  return {
    shapes: tensorShapes(policy.config),
    read: (path) => readWeights({ path, config: policy.config }),
    save: (path, weights, addFiles) => savePolicy(path, policy, weights, addFiles),
  };
}
