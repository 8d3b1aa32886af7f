/**
 * Whether the endpoints that a topology names answer: each is asked for one token, as the run would ask it. A
 * list of models says little: a server may list what it cannot load, and serve what it does not list.
 */
import { z } from 'zod';
import { ModelError, SwirlError } from '../errors.ts';
import { askOneToken, endpointOf } from '../models/ask-one-token.ts';
import type { OpenaiConfig } from '../models/openai-config.ts';
import type { Check } from './doctor-check.ts';

/** Longest wait for the token, in milliseconds: some servers load a model when it is first asked for. */
const TIMEOUT_MS = 60_000;
/** Longest wait for the list of models, which is looked at where there was no token. */
const LIST_TIMEOUT_MS = 5_000;
/** The largest list that is read, in bytes. */
const MAX_LIST_BYTES = 1_048_576;

type Role = 'policy' | 'judge' | 'reward';
/** What matters here of a topology: each model, behind an endpoint or of another kind. */
type Models = Readonly<Record<Role, { readonly kind: string }>>;
type Finding = Omit<Check, 'name'>;

export interface EndpointDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => number;
  /** Hears whose endpoint is asked now. */
  readonly begin?: (name: string) => void;
  /** Longest wait for a token, in milliseconds. */
  readonly timeoutMs?: number;
}

const modelList = z.looseObject({ data: z.array(z.looseObject({ id: z.string() })) });

/** One check for each model behind an endpoint. Two roles with one model are asked for one token together. */
export async function* checkEndpoints(models: Models, deps: EndpointDeps): AsyncGenerator<Check> {
  const asked = new Map<string, Finding>();
  for (const role of ['policy', 'judge', 'reward'] as const) {
    const config = endpointOf(models[role]);
    if (config === null) continue;
    const name = `${role}'s endpoint`;
    deps.begin?.(name);
    const same = JSON.stringify(config);
    const finding = asked.get(same) ?? (await ask(config, deps));
    asked.set(same, finding);
    yield { name, ...finding };
  }
}

async function ask(config: OpenaiConfig, deps: EndpointDeps): Promise<Finding> {
  const { baseUrl, model } = config;
  const began = deps.now();
  try {
    const { signal } = new AbortController();
    await askOneToken(config, { env: deps.env, timeoutMs: deps.timeoutMs ?? TIMEOUT_MS, signal });
  } catch (error) {
    if (!(error instanceof SwirlError)) throw error;
    return failed(config, deps, error);
  }
  return answered({ baseUrl, model }, deps.now() - began);
}

function answered({ baseUrl, model }: Pick<OpenaiConfig, 'baseUrl' | 'model'>, ms: number): Finding {
  return {
    ok: true,
    found: `${baseUrl} answers as ${model}, in ${(ms / 1000).toFixed(1)} s (asked for one token)`,
  };
}

async function failed(config: OpenaiConfig, deps: EndpointDeps, error: SwirlError): Promise<Finding> {
  const { baseUrl, model, apiKeyEnv, maxTokensField } = config;
  const found = error.message;
  if (!(error instanceof ModelError)) {
    return { ok: false, found, fix: `export ${apiKeyEnv} with the API key of ${baseUrl}` };
  }
  if (/found status 40[13]\b/.test(found)) {
    const fix =
      apiKeyEnv === null
        ? 'set apiKeyEnv to the variable that holds the key'
        : `correct the key in ${apiKeyEnv}`;
    return { ok: false, found, fix };
  }
  if (/found status 400\b.*max_completion_tokens/.test(found) && maxTokensField === 'max_tokens') {
    return { ok: false, found, fix: 'set maxTokensField to max_completion_tokens' };
  }
  if (/found status 429\b/.test(found)) {
    return { ok: false, found, fix: 'wait, or see what the key is allowed' };
  }
  const served = await listOf(config, deps);
  // Gemini lists `models/NAME` for NAME.
  if (served !== null && !served.some((id) => id === model || id === `models/${model}`)) {
    const some = `${served.slice(0, 5).join(', ')}${served.length > 5 ? ', ...' : ''}`;
    return {
      ok: false,
      found: `${baseUrl} does not serve ${model}; it serves ${served.length === 0 ? 'nothing' : some}`,
      fix: 'correct `model`, or load that model into the server',
      lines: [found],
    };
  }
  const fix =
    served === null ? 'start the server, or correct baseUrl' : "it lists the model: look at the server's log";
  return { ok: false, found, fix };
}

/** The models that an endpoint lists; null where it lists none. */
async function listOf({ baseUrl, apiKeyEnv }: OpenaiConfig, { env }: EndpointDeps): Promise<string[] | null> {
  const key = apiKeyEnv === null ? undefined : env[apiKeyEnv]?.trim();
  try {
    const response = await fetch(`${baseUrl.replace(/\/$/, '')}/models`, {
      signal: AbortSignal.timeout(LIST_TIMEOUT_MS),
      ...(key ? { headers: { authorization: `Bearer ${key}` } } : {}),
    });
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      size += part.length;
      if (size > MAX_LIST_BYTES) return null;
      parts.push(part);
    }
    const list = modelList.safeParse(JSON.parse(Buffer.concat(parts).toString('utf8')));
    return response.ok && list.success ? list.data.data.map(({ id }) => id) : null;
  } catch {
    // No list, or none in time: what the request for a token met is told.
    return null;
  }
}
