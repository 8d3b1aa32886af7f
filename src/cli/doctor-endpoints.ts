/** Whether the endpoints that a topology names can be reached, know the key and serve the model. */
import { z } from 'zod';
import type { OpenaiConfig } from '../models/openai-config.ts';
import type { Topology } from '../topology/topology.ts';
import type { Check } from './doctor-check.ts';

/** Longest wait for an endpoint's list of models, in milliseconds. */
const TIMEOUT_MS = 10_000;

type Role = 'policy' | 'judge' | 'reward';
type OtherKind = Exclude<Topology[Role]['kind'], 'openai'>;
/** What matters here of a topology: each model, behind an endpoint or of another kind. */
type Models = Readonly<
  Record<Role, (OpenaiConfig & { readonly kind: 'openai' }) | { readonly kind: OtherKind }>
>;

const modelList = z.looseObject({ data: z.array(z.looseObject({ id: z.string() })) });

/** One check for each model behind an endpoint. Asks for the list of models only, which costs nothing. */
export async function* checkEndpoints(
  models: Models,
  env: Readonly<Record<string, string | undefined>>,
): AsyncGenerator<Check> {
  for (const role of ['policy', 'judge', 'reward'] as const) {
    const model = models[role];
    if (model.kind === 'openai') yield { name: `${role}'s endpoint`, ...(await ask(model, env)) };
  }
}

async function ask(
  config: OpenaiConfig,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Omit<Check, 'name'>> {
  const url = `${config.baseUrl.replace(/\/$/, '')}/models`;
  const key = config.apiKeyEnv === null ? undefined : env[config.apiKeyEnv]?.trim();
  if (config.apiKeyEnv !== null && !key) {
    const found = `${config.apiKeyEnv}, which apiKeyEnv names, is not set`;
    return { ok: false, found, fix: `export ${config.apiKeyEnv} with the API key of ${config.baseUrl}` };
  }
  let status: number;
  let body: unknown;
  try {
    const headers = key ? { authorization: `Bearer ${key}` } : undefined;
    const response = await fetch(url, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(headers ? { headers } : {}),
    });
    status = response.status;
    body = await response.json().catch(() => null);
  } catch (error) {
    return {
      ok: false,
      found: `${config.baseUrl} does not answer: ${rootMessage(error)}`,
      fix: 'start the server, or correct baseUrl',
    };
  }
  if (status === 401 || status === 403) {
    const fix =
      config.apiKeyEnv === null
        ? 'set apiKeyEnv to the variable that holds the key'
        : `correct the key in ${config.apiKeyEnv}`;
    return { ok: false, found: `${config.baseUrl} refuses the API key (status ${status})`, fix };
  }
  if (status >= 500)
    return {
      ok: false,
      found: `${config.baseUrl} answers with status ${status}`,
      fix: "look at the server's log",
    };
  const list = modelList.safeParse(body);
  // Not every server lists its models: then all that is known is that it answers.
  if (status !== 200 || !list.success)
    return { ok: true, found: `${config.baseUrl} answers (no list of models, status ${status})` };
  const served = list.data.data.map(({ id }) => id);
  // Gemini lists `models/NAME` for NAME.
  if (served.some((id) => id === config.model || id === `models/${config.model}`)) {
    return { ok: true, found: `${config.baseUrl} serves ${config.model}` };
  }
  const some = `${served.slice(0, 5).join(', ')}${served.length > 5 ? ', ...' : ''}`;
  return {
    ok: false,
    found: `${config.baseUrl} does not serve ${config.model}; it serves ${served.length === 0 ? 'nothing' : some}`,
    fix: 'correct `model`, or load that model into the server',
  };
}

/** What `fetch` failed for is in the innermost cause. */
function rootMessage(error: unknown): string {
  let root = error as { readonly message?: string; readonly code?: string; readonly cause?: unknown };
  while (typeof root.cause === 'object' && root.cause !== null) root = root.cause;
  return root.message || root.code || String(error);
}
