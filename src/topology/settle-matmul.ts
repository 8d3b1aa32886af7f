/**
 * By which rule a run's local models choose the kernels that multiply matrices. Kernels sum in different
 * orders, so another rule would give other weights: a run keeps the one that it began with, and replays take
 * it over.
 */
import { newestRule } from '../engine/matmul-choice.ts';
import { begunWith } from './kept.ts';
import { withLocalModels } from './local-models.ts';
import type { Topology } from './topology.ts';

/**
 * The topology with a rule in place of each `auto`: that of its run where it has begun, or the newest. `begun`
 * is what the run was begun with, for who has read it.
 */
export function withKeptMatmul(topology: Topology, begun: Topology | null = begunWith(topology)): Topology {
  const kept = new Map<string, unknown>();
  withLocalModels(begun, (model, path) => {
    kept.set(path, model.matmul);
    return model;
  });
  return withLocalModels(topology, (model, path) =>
    model.matmul === 'auto' ? { ...model, matmul: kept.get(path) ?? newestRule } : model,
  );
}
