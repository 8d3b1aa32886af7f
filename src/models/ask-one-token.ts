/** Asks an endpoint for one token, as a run would ask it: whether it can be used at all. */
import type { Paid } from '../agent/paid.ts';
import { ModelError, type SwirlError } from '../errors.ts';
import { openaiModel } from './openai.ts';
import { type OpenaiConfig, openaiConfig } from './openai-config.ts';

export interface AskDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Longest wait, in milliseconds; the endpoint's own `timeoutMs` where that is shorter. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** The door of the request, and for which stage it is asked; by default it is not counted. */
  readonly paid?: Paid;
  readonly stage?: string;
}

/** The settings of an endpoint alone: a judge has more. Null for models of other kinds. */
export function endpointOf(model: { readonly kind: string }): OpenaiConfig | null {
  if (model.kind !== 'openai') return null;
  const known = Object.keys(openaiConfig.shape);
  return openaiConfig.parse(Object.fromEntries(Object.entries(model).filter(([key]) => known.includes(key))));
}

/** Throws what the run would meet: a `ModelError`, or a `ConfigError` where the key is missing. */
export async function askOneToken(
  config: OpenaiConfig,
  { env, timeoutMs, signal, paid, stage }: AskDeps,
): Promise<void> {
  const waiting = Math.min(config.timeoutMs, timeoutMs);
  const one = await openaiModel(
    { ...config, maxTokens: 1, timeoutMs: waiting },
    { runSeed: 0, env, paid, stage },
  );
  const messages = [{ role: 'user', content: 'Hi' }] as const;
  try {
    await one.complete({ messages, id: 'doctor', signal });
  } catch (error) {
    if (!thinks(error as SwirlError)) throw error;
  }
}

/** Models that think before they answer refuse so little room: they are there, and that is what was asked. */
function thinks(error: SwirlError): boolean {
  return (
    error instanceof ModelError &&
    /status 400\b.*(max_tokens or model output limit|could not finish)/i.test(error.message)
  );
}
