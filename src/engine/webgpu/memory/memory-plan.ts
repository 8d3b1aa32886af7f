/**
 * What a policy needs of a device's memory, by the same tables that its buffers are made from. Nothing is
 * allocated here, so what does not fit is known, with what would, before anything is uploaded.
 */

import type { DecoderConfig } from '../../config.ts';
import type { EngineOptions, SamplerOptions } from '../../engine.ts';
import { cacheRows } from '../../sampling/cache-slots.ts';
import { samplerLimits } from '../../sampling/sampler-limits.ts';
import { paddedConfig } from '../padding.ts';
import { shapeOf } from '../shape.ts';
import { batchTable, type Capacity, type Kept } from './batch-table.ts';
import {
  type BufferLimits,
  decoderFormat,
  layoutAdapters,
  layoutDecoder,
  type ParameterLayout,
} from './parameters.ts';
import { defaultLogitBytes, headTiles, wholeRows, wholeTiles } from './plan.ts';

export interface MemoryRequest {
  readonly config: DecoderConfig;
  readonly options: Pick<EngineOptions, 'lora' | 'frozen' | 'recompute' | 'training'>;
  /** Most tokens of a batch that is trained on; null: no training. */
  readonly batchTokens: number | null;
  /** How the checkpoint's weights are kept where they are frozen and nothing is lost, for advice; bf16 is all else. */
  readonly exact?: EngineOptions['frozen'];
  /** Null: no sampling. */
  readonly sampler: SamplerOptions | null;
}

export const MEMORY_PARTS = [
  'weights',
  'adapters',
  'gradients',
  'optimizer',
  'activations',
  'cache',
] as const;
type MemoryPart = (typeof MEMORY_PARTS)[number];

export interface MemoryPlan {
  /** Bytes of each part. */
  readonly parts: Readonly<Record<MemoryPart, number>>;
  readonly total: number;
  /** Buffers larger than the adapter binds, by name, in bytes. */
  readonly tooLarge: ReadonlyMap<string, number>;
}

/** An adapter's limits, and how its workgroups are cut. */
export interface MemoryLimits extends BufferLimits {
  readonly software: boolean;
}

export function planMemory(request: MemoryRequest, limits: MemoryLimits): MemoryPlan {
  const { options, batchTokens, sampler } = request;
  const config = paddedConfig(request.config);
  const { lora = null, recompute = false } = options;
  const decoder = layoutDecoder(request.config, limits, decoderFormat(options));
  const adapters = lora && layoutAdapters(request.config, lora, limits);
  const trained = bytesOf(adapters ?? decoder);
  const buffers = new Map<string, number>();
  let cache = 0;
  const logitBytes = Math.min(limits.largestBinding, defaultLogitBytes);
  const add = (capacity: Capacity, kept: Kept) => {
    const shape = shapeOf(request.config, limits.software);
    const head = decoder.slabs.get('head');
    if (!head) throw new RangeError('no head');
    const tiles = headTiles({ config, capacity, kept, head }, logitBytes);
    const logitColumns = Math.max(...tiles.map((tile) => tile.stride));
    const table = batchTable({ config, shape, lora, capacity, kept, logitColumns });
    for (const [name, count] of table) buffers.set(kept === 'none' ? `sampling ${name}` : name, 4 * count);
  };
  if (batchTokens !== null) {
    const tokens = wholeTiles(batchTokens);
    add({ tokens, targets: tokens }, recompute ? 'stream' : 'all');
  }
  if (sampler) {
    const most = samplerLimits(config, sampler);
    const targets = Math.min(wholeTiles(most.slots), wholeRows(config, logitBytes));
    add({ tokens: wholeTiles(most.stepTokens), targets }, 'none');
    const row = 4 * config.keyValueHeads * config.headSize;
    // Between two slots, when what they share is copied.
    cache += row * Math.max(...config.windows.map((_, layer) => cacheRows(config, layer, most)));
    for (const layer of config.windows.keys()) {
      const bytes = most.slots * cacheRows(config, layer, most) * row;
      buffers.set(`cached keys of layer ${layer}`, bytes);
      cache += 2 * bytes;
    }
  }
  const activations = [...buffers].filter(([name]) => !name.startsWith('cached ')).map(([, bytes]) => bytes);
  const parts = {
    weights: bytesOf(decoder),
    adapters: adapters ? bytesOf(adapters) : 0,
    gradients: batchTokens === null ? 0 : trained,
    optimizer: batchTokens === null ? 0 : 2 * trained,
    activations: sum(activations),
    cache,
  };
  return {
    parts,
    total: sum(Object.values(parts)),
    tooLarge: new Map([...buffers].filter(([, bytes]) => bytes > limits.largestBinding)),
  };
}

/**
 * The most tokens of a batch whose buffers the adapter can bind and whose plan stays within `memory` bytes;
 * 0: not even 64.
 */
export function mostBatchTokens(
  request: MemoryRequest,
  limits: MemoryLimits,
  memory: number = Number.POSITIVE_INFINITY,
): number {
  const fits = (tokens: number) => {
    const { tooLarge, total } = planMemory({ ...request, batchTokens: tokens }, limits);
    return tooLarge.size === 0 && total <= memory;
  };
  let [low, high] = [0, 2 ** 14];
  // In whole tiles of 64 tokens.
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(64 * middle)) low = middle;
    else high = middle - 1;
  }
  return 64 * low;
}

function bytesOf({ buffers }: ParameterLayout): number {
  return sum(buffers);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
