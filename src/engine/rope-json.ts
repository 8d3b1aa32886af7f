/** The rotary positions of a Hugging Face `config.json`, as the versions of transformers write them. */
import { z } from 'zod';
import type { RopeScaling } from './config.ts';

/** Says that a key of config.json holds what the engine cannot do. */
export type Refuse = (key: string, expected: string, found: unknown) => never;

export const ropeJson = z
  .looseObject({
    rope_type: z.string().nullish(),
    type: z.string().nullish(),
    rope_theta: z.number().positive().nullish(),
    factor: z.number().min(1).nullish(),
    low_freq_factor: z.number().positive().nullish(),
    high_freq_factor: z.number().positive().nullish(),
    original_max_position_embeddings: z.int().positive().nullish(),
    beta_fast: z.number().positive().nullish(),
    beta_slow: z.number().positive().nullish(),
    attention_factor: z.number().positive().nullish(),
    mscale: z.number().nullish(),
    mscale_all_dim: z.number().nullish(),
    truncate: z.boolean().nullish(),
    partial_rotary_factor: z.number().nullish(),
  })
  .nullish();

/** The keys of config.json that say how positions are turned. */
interface RopeKeys {
  readonly rope_parameters?: z.output<typeof ropeJson>;
  readonly rope_scaling?: z.output<typeof ropeJson>;
  readonly partial_rotary_factor?: number | null | undefined;
}

/** transformers 5 writes both kinds of layers' ropes into `rope_parameters`; here as before that. */
export function withOneRope(json: unknown, refuse: Refuse): unknown {
  const ropes = z
    .looseObject({ rope_parameters: z.looseObject({ full_attention: ropeJson }) })
    .safeParse(json);
  const whole = ropes.data?.rope_parameters.full_attention;
  if (ropes.data === undefined || !whole) return json;
  const { rope_parameters: both, ...rest } = ropes.data;
  const local = ropeJson.safeParse(both.sliding_attention).data;
  const kind = local?.rope_type ?? 'default';
  if (kind !== 'default') refuse('rope_parameters.sliding_attention.rope_type', '"default"', kind);
  return {
    ...rest,
    rope_parameters: whole,
    rope_local_base_freq: local?.rope_theta ?? rest.rope_local_base_freq,
  };
}

/** transformers 5 writes `rope_parameters`, earlier ones `rope_scaling`. */
export function ropeScalingOf(c: RopeKeys, maxPositions: number, refuse: Refuse): RopeScaling | null {
  const key = c.rope_parameters ? 'rope_parameters' : 'rope_scaling';
  const rope = c.rope_parameters ?? c.rope_scaling;
  const partial = rope?.partial_rotary_factor ?? c.partial_rotary_factor ?? 1;
  if (partial !== 1) refuse('partial_rotary_factor', '1', partial);
  const kind = rope?.rope_type ?? rope?.type ?? 'default';
  if (!rope || kind === 'default') return null;
  const need = (name: 'factor' | 'low_freq_factor' | 'high_freq_factor'): number =>
    rope[name] ?? refuse(`${key}.${name}`, 'a number', rope[name]);
  const originalPositions = rope.original_max_position_embeddings ?? maxPositions;
  switch (kind) {
    case 'linear':
      return { kind, factor: need('factor') };
    case 'llama3':
      return {
        kind,
        factor: need('factor'),
        lowFrequencyFactor: need('low_freq_factor'),
        highFrequencyFactor: need('high_freq_factor'),
        originalPositions,
      };
    case 'yarn': {
      const factor = rope.factor ?? maxPositions / originalPositions;
      const scale = (by: number) => (factor <= 1 ? 1 : 0.1 * by * Math.log(factor) + 1);
      const { mscale, mscale_all_dim: all } = rope;
      return {
        kind,
        factor,
        betaFast: rope.beta_fast ?? 32,
        betaSlow: rope.beta_slow ?? 1,
        originalPositions,
        attentionFactor: rope.attention_factor ?? (mscale && all ? scale(mscale) / scale(all) : scale(1)),
        truncate: rope.truncate ?? true,
      };
    }
    default:
      return refuse(`${key}.rope_type`, '"default", "linear", "llama3" or "yarn"', kind);
  }
}
