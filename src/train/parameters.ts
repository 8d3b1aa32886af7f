/** Which numbers of the policy are trained: all of its weights, or low-rank adapters on frozen ones. */
import { z } from 'zod';
import { frozenChoices } from '../checkpoint/frozen.ts';
import { PROJECTIONS } from '../engine/config.ts';
import type { LoraShape } from '../engine/engine.ts';

export const parametersConfig = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('full') }),
    z.strictObject({
      kind: z.literal('lora'),
      rank: z
        .int()
        .min(1)
        .default(16)
        .describe('Inner size of an adapter: B is (out, rank), A is (rank, in).'),
      alpha: z
        .number()
        .positive()
        .nullable()
        .default(null)
        .describe('What an adapter adds is multiplied by alpha / rank. null: twice the rank.'),
      rankStabilized: z
        .boolean()
        .default(false)
        .describe('Multiply by alpha / sqrt(rank) instead (arXiv 2312.03732).'),
      targets: z
        .array(z.enum(PROJECTIONS))
        .min(1)
        .refine((targets) => new Set(targets).size === targets.length, 'expected each projection once')
        .default([...PROJECTIONS])
        .describe('The projections, of every layer, that get adapters.'),
      frozen: z
        .enum(frozenChoices)
        .default('auto')
        .describe(
          'How the frozen weights are kept on the device. packed: matrices of a GGUF file in Q4_0, Q4_1 or Q8_0 as they are, with the ' +
            'same numbers in less memory, and the others in f32. auto, which loses nothing: packed where there are such matrices, bf16 ' +
            'where the checkpoint is bf16, f32 otherwise.',
        ),
    }),
  ])
  .describe(
    'What is trained. `full`: every weight. `lora`: adapters on frozen weights (arXiv 2106.09685), saved in the format of PEFT; ' +
      'begun anew from the seed, or as `checkpoint` has them where that is an adapter.',
  );

export type ParametersConfig = z.output<typeof parametersConfig>;

/** The adapters that are asked for; null where every weight is trained. */
export function loraShape(parameters: ParametersConfig): LoraShape | null {
  if (parameters.kind === 'full') return null;
  const { rank, alpha, rankStabilized, targets } = parameters;
  return { rank, scale: (alpha ?? 2 * rank) / (rankStabilized ? Math.sqrt(rank) : rank), targets };
}
