/**
 * PEFT's `adapter_config.json`, read and written. Only plain LoRA on a decoder's projections is read:
 * whatever else PEFT knows changes what the adapters compute, and is refused by name.
 */
import { z } from 'zod';
import { PROJECTIONS } from '../engine/config.ts';
import type { LoraShape } from '../engine/engine.ts';
import { ConfigError } from '../errors.ts';

const adapterJson = z.looseObject({
  peft_type: z.literal('LORA'),
  task_type: z.literal('CAUSAL_LM').nullish(),
  r: z.int().positive(),
  lora_alpha: z.number().positive(),
  use_rslora: z.boolean().nullish(),
  bias: z.literal('none').nullish(),
  base_model_name_or_path: z.string().nullish(),
  init_lora_weights: z.unknown().optional(),
});

/** Keys without effect on what trained adapters compute; dropout is of PEFT's own training. */
const harmless: readonly string[] = [
  ...Object.keys(adapterJson.shape),
  ...['auto_mapping', 'ensure_weight_tying', 'eva_config', 'exclude_modules', 'inference_mode'],
  ...['layers_pattern', 'layers_to_transform', 'lora_dropout', 'megatron_config', 'megatron_core'],
  ...['peft_version', 'revision', 'runtime_config', 'target_modules'],
];

/** Ways of beginning that leave the decoder's own weights as they are. */
const harmlessBeginnings: readonly unknown[] = [
  undefined,
  null,
  true,
  false,
  'gaussian',
  'eva',
  'orthogonal',
];

export interface AdapterConfig {
  readonly rank: number;
  /** Multiplies what the adapters add. */
  readonly scale: number;
  /** The decoder that they were trained on, as the file has it. */
  readonly base: string | null;
}

/** Reads a parsed adapter_config.json; `where` names it. Throws `ConfigError` for what Swirl cannot do. */
export function parseAdapterConfig(json: unknown, where: string): AdapterConfig {
  const parsed = adapterJson.safeParse(json);
  if (!parsed.success) {
    throw new ConfigError(
      `${where}: expected LoRA adapters of a causal language model:\n${z.prettifyError(parsed.error)}`,
    );
  }
  const { r: rank, lora_alpha: alpha, use_rslora: byRoot, base_model_name_or_path: base } = parsed.data;
  const changed = Object.entries(parsed.data).find(
    ([key, value]) => !harmless.includes(key) && typeof value !== 'number' && !isEmpty(value),
  );
  const beginning = parsed.data.init_lora_weights;
  const refused =
    changed ?? (harmlessBeginnings.includes(beginning) ? undefined : ['init_lora_weights', beginning]);
  if (refused !== undefined) {
    throw new ConfigError(
      `${where}: expected plain LoRA, found "${refused[0]}": ${JSON.stringify(refused[1])}, which Swirl cannot do. ` +
        'Merge such adapters into their base with PEFT (merge_and_unload), and use the merged policy.',
    );
  }
  return { rank, scale: alpha / (byRoot ? Math.sqrt(rank) : rank), base: base ?? null };
}

/** The adapter_config.json of adapters, as PEFT writes it. `base` is the folder of their decoder. */
export function adapterConfigJson(
  { rank, scale, targets }: LoraShape,
  base: string,
): Record<string, unknown> {
  const alpha = scale * rank;
  return {
    base_model_name_or_path: base,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    // A quotient's product may be off by its last bit: 8 was meant, not 7.999999999999999.
    lora_alpha: Math.abs(alpha - Math.round(alpha)) < 1e-9 * alpha ? Math.round(alpha) : alpha,
    lora_dropout: 0,
    modules_to_save: null,
    peft_type: 'LORA',
    r: rank,
    target_modules: PROJECTIONS.filter((projection) => targets.includes(projection)),
    task_type: 'CAUSAL_LM',
    use_dora: false,
    use_rslora: false,
  };
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === undefined || value === null || value === false || value === '';
}
