/** How the frozen weights of a folder are kept on a device. */
import type { EngineOptions } from '../engine/engine.ts';
import { ConfigError } from '../errors.ts';
import type { WeightFiles } from './weight-files.ts';

/**
 * `packed`: as the file has them, where engines can (GGUF's Q4_0, Q4_1 and Q8_0), and others in f32. `auto`: so that nothing
 * is lost: packed where something is; bf16 where there is nothing else; f32.
 */
export const frozenChoices = ['auto', 'f32', 'bf16', 'packed'] as const;
export type FrozenChoice = (typeof frozenChoices)[number];

/** What a choice is for these weights. Throws `ConfigError` where they shall be packed, and none are. */
export function frozenAs(
  choice: FrozenChoice,
  { dtypes, packed }: Pick<WeightFiles, 'dtypes' | 'packed'>,
): NonNullable<EngineOptions['frozen']> {
  if (choice === 'f32' || choice === 'bf16') return choice;
  if (packed.size > 0) return packed;
  if (choice === 'packed')
    throw new ConfigError(
      `frozen: packed: expected weights in Q4_0, Q4_1 or Q8_0 (of a GGUF file), found ${[...dtypes].join(', ')}. Leave it to Swirl (auto).`,
    );
  return dtypes.size === 1 && dtypes.has('BF16') ? 'bf16' : 'f32';
}
