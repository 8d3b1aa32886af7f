/** What a run tells other programs about itself. */
import { z } from 'zod';

export const metricsConfig = z
  .strictObject({
    port: z
      .number()
      .int()
      .min(0)
      .max(65_535)
      .nullable()
      .default(null)
      .describe(
        'Where `swirl run` serves /metrics (Prometheus), /healthz and /readyz; 0: any free port; null: nowhere.',
      ),
    host: z
      .string()
      .min(1)
      .default('127.0.0.1')
      .describe(
        'Which address it listens on. Another than loopback lets everybody who can reach it read the figures.',
      ),
  })
  .describe('Figures of the run for Prometheus, and health for containers.');

export const tracesConfig = z
  .strictObject({
    endpoint: z
      .url({ protocol: /^https?$/, error: 'expected an http or https URL such as http://127.0.0.1:4318' })
      .nullable()
      .default(null)
      .describe(
        'An OpenTelemetry collector (OTLP over HTTP, JSON), to which `/v1/traces` is added; null: none.',
      ),
    headersEnv: z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .describe('The variable with headers for it, as `name=value,name=value`.'),
    content: z
      .boolean()
      .default(false)
      .describe('Whether questions, actions, observations and rationales go along.'),
    share: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .describe('The share of the trajectories that are traced, chosen by their ids.'),
    timeoutMs: z
      .number()
      .int()
      .min(1)
      .default(10_000)
      .describe('How long the collector may take for one request, in milliseconds.'),
    endMs: z
      .number()
      .int()
      .min(0)
      .default(2_000)
      .describe(
        'How long the end of a run waits for the collector to take what is left, in milliseconds; the rest is dropped, and told.',
      ),
  })
  .describe('A trace of each trajectory, in the conventions for generative AI.');

export const updateFilesConfig = z
  .array(z.enum(['tensorboard', 'csv']))
  .max(2)
  .default([])
  .describe(
    "Files of the updates in the run's folder while it goes on: `tensorboard` (event files) and `csv`. `swirl export` writes them of any run.",
  );
