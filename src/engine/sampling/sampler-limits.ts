/** What bounds a sampler: its slots, their length, and how much one step feeds. */
import { ConfigError } from '../../errors.ts';
import type { DecoderConfig } from '../config.ts';
import type { SamplerOptions } from '../engine.ts';

/** Most tokens of one prompt in a step, where nothing else is asked for. */
export const defaultChunk = 256;
/** Most tokens of all samples in a step, where nothing else is asked for. */
export const defaultStepTokens = 1024;

export type SamplerLimits = Required<SamplerOptions>;

/**
 * The options with their defaults, fitted to each other: a slot is no longer than the policy's positions, and
 * a step has room for a token of every slot. Throws `ConfigError` where a limit is no whole number from 1.
 */
export function samplerLimits(
  config: Pick<DecoderConfig, 'maxPositions'>,
  options: SamplerOptions,
): SamplerLimits {
  const { slots, chunk = defaultChunk, stepTokens = defaultStepTokens, reuse = true } = options;
  const limits = { slots, maxLength: options.maxLength, chunk, stepTokens };
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isInteger(value) || value < 1) {
      throw new ConfigError(`sampler: expected ${name} to be a whole number from 1, found ${value}`);
    }
  }
  const maxLength = Math.min(options.maxLength, config.maxPositions);
  const step = Math.max(stepTokens, slots);
  return { slots, maxLength, chunk: Math.min(chunk, maxLength, step), stepTokens: step, reuse };
}
