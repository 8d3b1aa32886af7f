/** What requests cost, and how much a run may spend. */
import { z } from 'zod';

const perMillion = z.number().min(0);

const modelPrice = z.strictObject({
  input: perMillion.default(0).describe('Per million tokens of prompts.'),
  cachedInput: perMillion
    .nullable()
    .default(null)
    .describe('Of those, per million that the endpoint had in its own cache; null: as `input`.'),
  output: perMillion.default(0).describe('Per million tokens that were written, those of thinking included.'),
  request: z.number().min(0).default(0).describe('For each request, whatever its size.'),
});

const modelOrTool = z.string().min(1).max(256);

export const pricesConfig = z
  .strictObject({
    currency: z
      .string()
      .min(1)
      .max(16)
      .default('USD')
      .describe('What the prices are in: shown, not converted.'),
    models: z
      .record(modelOrTool, modelPrice)
      .default({})
      .describe('By the name of the model, as `model` has it.'),
    tools: z
      .record(modelOrTool, z.strictObject({ call: z.number().min(0).describe('For each call.') }))
      .default({})
      .describe('By the name of the tool in `tools`.'),
  })
  .describe('A price list of your own, by which the ledger knows money. Nothing is looked up anywhere.');

export type Prices = z.output<typeof pricesConfig>;

const limits = {
  requests: z
    .int()
    .min(0)
    .nullable()
    .default(null)
    .describe('Most requests that are sent; null: any number.'),
  tokens: z
    .int()
    .min(0)
    .nullable()
    .default(null)
    .describe('Most tokens, read and written together; null: any.'),
  money: z.number().min(0).nullable().default(null).describe('Most money, by `prices`; null: any.'),
};

export const budgetConfig = z
  .strictObject({
    ...limits,
    stages: z
      .record(z.string().min(1).max(64), z.strictObject(limits))
      .default({})
      .describe('The same for what one stage asks, by its name.'),
  })
  .describe(
    'How much the run may spend, all of its processes in this folder together. Where it is spent the run stops, keeps what ' +
      'it has, and goes on where `run` is called again with a larger one.',
  );

export type Budget = z.output<typeof budgetConfig>;
