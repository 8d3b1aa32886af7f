/** Whether a policy fits a device, and what would fit where it does not: said before anything is uploaded. */
import { totalmem } from 'node:os';
import type { AdapterDescription } from '../../../device/adapter.ts';
import { ConfigError } from '../../../errors.ts';
import { PROJECTIONS } from '../../config.ts';
import type { LoraShape } from '../../engine.ts';
import {
  type MemoryLimits,
  type MemoryPlan,
  type MemoryRequest,
  mostBatchTokens,
  planMemory,
} from './memory-plan.ts';

/** The adapters that advice is about where none are asked for: the train stage's defaults. */
export const commonLora: LoraShape = { rank: 16, scale: 2, targets: PROJECTIONS };

export interface Device extends MemoryLimits {
  readonly name: string;
  /** Bytes that there are in all; null where the adapter does not say, as WebGPU does not. */
  readonly memory: number | null;
}

/** An adapter as a plan of memory sees it. A software one takes the machine's memory. */
export function memoryOf(adapter: AdapterDescription): Device {
  return { ...adapter, memory: adapter.software ? totalmem() : null };
}

/** Throws `ConfigError`, with what would fit, where a plan cannot be had on a device. */
export function checkMemory(request: MemoryRequest, device: Device): void {
  const plan = planMemory(request, device);
  const faults = faultsOf(plan, device);
  if (faults.length === 0) return;
  const advice = adviceFor(request, device);
  const remedies =
    advice.length > 0 ? `What would fit:\n${advice.map((line) => `  ${line}`).join('\n')}` : noRemedy;
  throw new ConfigError(`the policy does not fit ${device.name}: ${faults.join('; ')}.\n${remedies}`);
}

const noRemedy =
  'Nothing smaller of this policy would fit: take an adapter with more memory, or a smaller policy.';

/** What of a plan cannot be had, in words. */
export function faultsOf(plan: MemoryPlan, { largestBinding, memory }: Device): string[] {
  const faults: string[] = [];
  const worst = [...plan.tooLarge].sort(([, a], [, b]) => b - a)[0];
  if (worst) {
    const [name, bytes] = worst;
    faults.push(
      `the buffer ${name} needs ${bytesText(bytes)}, and the adapter binds at most ${bytesText(largestBinding)}`,
    );
  }
  if (memory !== null && plan.total > memory) {
    faults.push(`expected at most ${bytesText(memory)} of memory, found a need of ${bytesText(plan.total)}`);
  }
  return faults;
}

/** Changes to the configuration that would make it fit, the mildest first. */
export function adviceFor(request: MemoryRequest, device: Device): string[] {
  const fits = (other: MemoryRequest) => faultsOf(planMemory(other, device), device).length === 0;
  const total = (other: MemoryRequest) => bytesText(planMemory(other, device).total);
  const advice: string[] = [];
  const tryOut = (what: string, other: MemoryRequest) => {
    if (fits(other)) advice.push(`${what} (${total(other)})`);
  };
  /** The largest batch that fits, if it is smaller than what is asked for. */
  const smaller = (other: MemoryRequest, what: string) => {
    const tokens = mostBatchTokens(other, device, device.memory ?? undefined);
    if (tokens > 0 && tokens < (other.batchTokens ?? 0)) {
      advice.push(
        `${what}batches of at most ${tokens} tokens: microBatchTokens and maxRowTokens (${total({ ...other, batchTokens: tokens })})`,
      );
    }
  };
  if (request.batchTokens !== null) {
    const recomputed = { ...request, options: { ...request.options, recompute: true } };
    const frozen = typeof request.exact === 'object' ? request.exact : 'bf16';
    const lora: MemoryRequest['options'] = { ...request.options, lora: commonLora, frozen };
    const parameters = `parameters: { kind: lora, rank: ${commonLora.rank}, frozen: ${frozen === 'bf16' ? frozen : 'packed'} }`;
    if (!request.options.recompute) tryOut('recompute: true', recomputed);
    smaller(request, '');
    if (!request.options.lora) {
      const adapted = { ...request, options: lora };
      const both = { ...request, options: { ...lora, recompute: true } };
      tryOut(parameters, adapted);
      if (!fits(adapted)) {
        tryOut(`${parameters} and recompute: true`, both);
        if (!fits(both)) smaller(both, 'LoRA, recompute: true, and ');
      }
    } else if (!request.options.recompute && !fits(recomputed)) {
      smaller(recomputed, 'recompute: true, and ');
    }
  }
  if (request.sampler && request.sampler.slots > 1) {
    for (let slots = Math.floor(request.sampler.slots / 2); slots >= 1; slots = Math.floor(slots / 2)) {
      const fewer = { ...request, sampler: { ...request.sampler, slots } };
      if (!fits(fewer)) continue;
      advice.push(`slots: ${slots}, or a shorter context (contextTokens) (${total(fewer)})`);
      break;
    }
  }
  return advice;
}

/** Bytes for people: `1.5 GiB`. */
export function bytesText(bytes: number): string {
  if (bytes === 0) return '0';
  if (bytes >= 2 ** 30) return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return bytes >= 2 ** 20 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${(bytes / 2 ** 10).toFixed(1)} KiB`;
}
