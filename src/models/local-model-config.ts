/** Settings of a model that Swirl runs itself, from a Hugging Face folder. */
import { z } from 'zod';
import { thinkingConfig } from '../agent/thinking.ts';
import { matmulFamilies, matmulRules } from '../engine/matmul-choice.ts';
import { defaultChunk, defaultStepTokens } from '../engine/sampling/sampler-limits.ts';
import { templateVariables } from '../tokenizer/template-variables.ts';

const stopSequence = z
  .string()
  .min(1)
  .max(64)
  .refine((text) => !text.includes('\ufffd'), 'U+FFFD stands for bytes that are no text');

export const localModelConfig = z.strictObject({
  checkpoint: z
    .string()
    .min(1)
    .default('swirl:assets/base-policy')
    .describe(
      "A policy's folder (config.json, weights in safetensors, tokenizer.json), or one of PEFT's adapters.",
    ),
  temperature: z
    .number()
    .min(0)
    .max(10)
    .default(1)
    .describe('Divides the logits before the softmax; 0 is greedy.'),
  topP: z.number().gt(0).max(1).default(1).describe('Keep the most likely tokens up to this mass; 1: all.'),
  topK: z.int().min(0).default(0).describe('Keep this many most likely tokens; 0: all.'),
  maxTokens: z.int().min(1).default(128).describe('Most tokens of one completion.'),
  stop: z
    .array(stopSequence)
    .max(8)
    .default([])
    .describe(
      'A completion ends when its text, outside thinking, contains one of these; it stays in the text. ' +
        'A policy that acts stops at the end of its first complete tag anyhow.',
    ),
  thinking: thinkingConfig,
  templateVariables,
  renderTimeoutMs: z
    .int()
    .min(100)
    .default(60_000)
    .describe(
      'Longest that one conversation may take to become tokens; then it is a failure. A tokenizer or a chat template of a ' +
        "stranger's folder cannot hold a run for longer.",
    ),
  contextTokens: z
    .int()
    .min(2)
    .default(1024)
    .describe("Most tokens of context and completion together; at most the policy's own positions."),
  slots: z.int().min(1).max(1024).default(16).describe('Most samples at a time; others wait.'),
  chunkTokens: z
    .int()
    .min(1)
    .default(defaultChunk)
    .describe('Most tokens of one context that are fed in one step.'),
  stepTokens: z
    .int()
    .min(1)
    .default(defaultStepTokens)
    .describe(
      'Most tokens of all samples that are fed in one step; at least one a slot. Bounds the memory of a step.',
    ),
  device: z
    .enum(['auto', 'webgpu', 'reference'])
    .default('auto')
    .describe(
      'webgpu: an adapter, or an error; reference: float64 on the CPU; auto: webgpu where there is an adapter.',
    ),
  precision: z
    .enum(['f32', 'f16'])
    .default('f32')
    .describe(
      'How exactly matmuls with frozen bf16 weights are computed (LoRA on a bf16 checkpoint). f16 rounds what they multiply to ' +
        '11 bits, where the adapter is faster with it; sums stay f32. Everything else is f32 in either case.',
    ),
  matmul: z
    .enum(['auto', ...matmulRules, ...matmulFamilies])
    .default('auto')
    .describe(
      'The family of kernels that multiply matrices on a device, or the rule that chooses it by the adapter. Families sum in ' +
        'different orders, so a run keeps its rule: `auto` becomes the newest when it begins (in `topology.resolved.yaml`), and ' +
        '`without-subgroups` in runs that were made before there was this key.',
    ),
});
export type LocalModelConfig = z.output<typeof localModelConfig>;
