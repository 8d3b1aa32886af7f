/** The check of a policy's folder: its files, its numbers, and what it needs of the adapter's memory. */

import { openPolicy, type PolicyFolder } from '../checkpoint/folder.ts';
import { frozenAs } from '../checkpoint/frozen.ts';
import { openWeights, type WeightFiles } from '../checkpoint/weight-files.ts';
import type { AdapterDescription } from '../device/adapter.ts';
import { sizeOf, tensorShapes } from '../engine/config.ts';
import {
  adviceFor,
  bytesText,
  commonLora,
  type Device,
  faultsOf,
  memoryOf,
} from '../engine/webgpu/memory/memory-advice.ts';
import { MEMORY_PARTS, type MemoryRequest, planMemory } from '../engine/webgpu/memory/memory-plan.ts';
import { localModelConfig } from '../models/local-model-config.ts';
import type { Topology } from '../topology/topology.ts';
import { trainConfig } from '../train/config.ts';
import { loraShape } from '../train/parameters.ts';
import type { Check } from './doctor-check.ts';
import { tableWidth } from './doctor-report.ts';
import { table } from './table.ts';

/** A way to use the policy, and what it needs. */
interface Use {
  readonly name: string;
  readonly request: MemoryRequest;
}

/** How the policy's files keep its weights. */
type Stored = Pick<WeightFiles, 'dtypes' | 'packed'>;

export async function checkPolicy(
  path: string,
  adapter: AdapterDescription | null,
  topology: Topology | null,
): Promise<Omit<Check, 'name'>> {
  const policy = await openPolicy(path);
  const shapes = tensorShapes(policy.config);
  const parameters = [...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
  const { broken, dtypes, packed } = await readAll(policy);
  const formats = [...dtypes];
  if (broken !== null) {
    return {
      ok: false,
      found: `${path}: ${broken} holds numbers that are not finite`,
      fix: 'take an earlier checkpoint',
    };
  }
  const { family, layers, hiddenSize, vocabSize } = policy.config;
  const found = `${path}: ${family}, ${parameters.toLocaleString('en')} parameters (${formats.join(', ')}), ${layers} layers of ${hiddenSize}, ${vocabSize} tokens`;
  const details = { parameters, formats, config: policy.config };
  if (adapter === null) return { ok: true, found, details };
  return checkMemoryOf(usesOf(policy, topology, { dtypes, packed }), memoryOf(adapter), { found, details });
}

/** Reads every number once, slice by slice. */
async function readAll(policy: PolicyFolder): Promise<Stored & { readonly broken: string | null }> {
  const weights = await openWeights(policy);
  try {
    let broken: string | null = null;
    for (const name of tensorShapes(policy.config).keys()) {
      await weights.read(name, (slice) => {
        if (broken === null && !slice.every(Number.isFinite)) broken = name;
      });
    }
    return { broken, dtypes: weights.dtypes, packed: weights.packed };
  } finally {
    await weights.close();
  }
}

/** What the topology does with the policy, or else what one may do with it, with default settings. */
function usesOf({ config, adapter }: PolicyFolder, topology: Topology | null, stored: Stored): Use[] {
  const sampled = topology?.policy.kind === 'local' ? topology.policy : localModelConfig.parse({});
  const sampler = { slots: sampled.slots, maxLength: sampled.contextTokens };
  const train = topology?.stages.train ?? trainConfig.parse({});
  const batchTokens = Math.max(train.microBatchTokens, Math.min(train.maxRowTokens, config.maxPositions));
  const kept = frozenAs('auto', stored);
  const training = (name: string, options: MemoryRequest['options']): Use => ({
    name,
    request: { config, options, exact: kept, batchTokens, sampler: null },
  });
  const options: MemoryRequest['options'] = { lora: adapter?.lora ?? null, frozen: kept, training: false };
  const sampling: Use = { name: 'sample', request: { config, options, batchTokens: null, sampler } };
  if (topology) {
    const lora = loraShape(train.parameters);
    const frozen = frozenAs(train.parameters.kind === 'lora' ? train.parameters.frozen : 'f32', stored);
    const own = training('train', { lora, frozen, recompute: train.recompute });
    return [...(topology.stages.train ? [own] : []), sampling];
  }
  const lora: MemoryRequest['options'] = { lora: commonLora, frozen: kept };
  return [
    training('train all', {}),
    training('all, recompute', { recompute: true }),
    training(`LoRA ${commonLora.rank}`, lora),
    training('LoRA, recompute', { ...lora, recompute: true }),
    sampling,
  ];
}

function checkMemoryOf(
  uses: readonly Use[],
  device: Device,
  { found, details }: { found: string; details: object },
): Omit<Check, 'name'> {
  const planned = uses.map((use) => ({ ...use, plan: planMemory(use.request, device) }));
  const faults = planned.map(({ plan }) => faultsOf(plan, device));
  const rows = [
    ...MEMORY_PARTS.map((part) => [part, ...planned.map(({ plan }) => bytesText(plan.parts[part]))]),
    ['total', ...planned.map(({ plan }) => bytesText(plan.total))],
    ['fits', ...faults.map((own) => (own.length === 0 ? 'yes' : 'no'))],
  ];
  const header = ['memory', ...planned.map(({ name }) => name)];
  const batch = planned.find(({ request }) => request.batchTokens !== null)?.request.batchTokens;
  const sampler = planned.find(({ request }) => request.sampler)?.request.sampler;
  const notes = [
    `batches of ${batch ?? 0} tokens; ${sampler?.slots} samples at a time of up to ${sampler?.maxLength} tokens`,
    device.memory === null
      ? 'the adapter does not say how much memory it has: compare the totals with your card'
      : `this machine has ${bytesText(device.memory)} of memory`,
    ...planned.flatMap(({ name, request }, n) => {
      if (faults[n].length === 0) return [];
      const advice = adviceFor(request, device);
      const would = advice.length > 0 ? ` What would fit: ${advice.join(', or ')}.` : '';
      return [`${name}: ${faults[n].join('; ')}.${would}`];
    }),
  ];
  return {
    // Something of what is asked for; of a topology all of it.
    ok: uses.length > 2 ? faults.some((own) => own.length === 0) : faults.every((own) => own.length === 0),
    found,
    lines: [...table(header, rows, tableWidth()).split('\n'), ...notes],
    details: {
      ...details,
      memory: planned.map(({ name, plan }) => ({ name, total: plan.total, parts: plan.parts })),
    },
  };
}
