/** One path of an endpoint that speaks the OpenAI protocol: its key, its limits, and its faults as errors. */
import { ConfigError, ModelError } from '../errors.ts';
import { limitConcurrency } from '../runtime/concurrency.ts';
import type { WaitNotice } from '../runtime/wait-notice.ts';
import { connectionError, type Endpoint, statusError, timeoutError } from './openai-errors.ts';

/** What every client of an endpoint is set by. */
interface EndpointSettings {
  readonly baseUrl: string;
  readonly apiKeyEnv: string | null;
  readonly timeoutMs: number;
  readonly concurrency: number;
  readonly maxResponseBytes: number;
}

/** Which path below `baseUrl`, and what it gives, in words, such as `a chat completion`. */
interface EndpointPath {
  readonly path: string;
  readonly expected: string;
}

/** What it needs of its surroundings. */
interface EndpointDeps {
  /** Where `apiKeyEnv` is looked up. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Says that it has not answered for long. */
  readonly waits?: WaitNotice | undefined;
}

/** Sends one request, a JSON object, and resolves with the whole text of the response. */
type Send = (body: object) => Promise<string>;

interface OpenaiEndpoint {
  readonly endpoint: Endpoint;
  /**
   * Does work that sends requests, in its turn and within `timeoutMs`. Throws `ModelError` for whatever the
   * endpoint does wrong, and the signal's reason where that aborts. It never tries again by itself.
   */
  ask<T>(signal: AbortSignal, work: (send: Send, signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** Makes the client; no request is sent yet. Throws `ConfigError` where the API key's variable is not set. */
export async function openaiEndpoint(
  config: EndpointSettings,
  { path, expected }: EndpointPath,
  { env, waits = (call) => call() }: EndpointDeps,
): Promise<OpenaiEndpoint> {
  const secret = readKey(config.apiKeyEnv, env);
  const { default: Client, APIError } = await import('openai');
  const base = new URL(config.baseUrl);
  const url = `${base.origin}${base.pathname.replace(/\/$/, '')}/${path}`;
  const endpoint: Endpoint = { url, secret, expected };
  const client = new Client({
    baseURL: config.baseUrl,
    apiKey: secret ?? 'none',
    // What is not set here the client would take from variables of its own.
    organization: null,
    project: null,
    webhookSecret: null,
    logLevel: 'off',
    maxRetries: 0,
    timeout: config.timeoutMs,
    fetch: (to, init) => boundedErrors(to, init, config.maxResponseBytes),
    ...(secret === null ? { defaultHeaders: { Authorization: null } } : {}),
  });
  const acquire = limitConcurrency(config.concurrency);

  const send = async (body: object, signal: AbortSignal): Promise<string> => {
    const response = await client.post(`/${path}`, { body, signal }).asResponse();
    const { text, whole } = await readBody(response, config.maxResponseBytes);
    if (whole) return text;
    throw new ModelError(
      `${endpoint.url}: expected a response of at most ${config.maxResponseBytes} bytes (maxResponseBytes), found more`,
    );
  };

  return {
    endpoint,
    async ask(signal, work) {
      const release = await acquire(signal);
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), config.timeoutMs);
      try {
        const either = AbortSignal.any([signal, deadline.signal]);
        const { timeoutMs } = config;
        return await waits(() => work((body) => send(body, either), either), { name: url, timeoutMs });
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (error instanceof ModelError) throw error;
        if (deadline.signal.aborted) throw timeoutError(endpoint, config.timeoutMs);
        if (error instanceof APIError && typeof error.status === 'number') {
          const body =
            error.error === undefined ? error.message.replace(/^\d+ /, '') : JSON.stringify(error.error);
          throw statusError(endpoint, { status: error.status, headers: error.headers, body });
        }
        throw connectionError(endpoint, error);
      } finally {
        clearTimeout(timer);
        release();
      }
    },
  };
}

/**
 * The key, or null for none. A key that no header can hold is refused here, where its text is not printed.
 */
function readKey(variable: string | null, env: Readonly<Record<string, string | undefined>>): string | null {
  if (variable === null) return null;
  const key = env[variable]?.trim() ?? '';
  if (key === '')
    throw new ConfigError(`apiKeyEnv names the variable ${variable}, which is not set: set it to the key`);
  if (!/^[\x21-\x7E]+$/.test(key))
    throw new ConfigError(`the variable ${variable} holds characters that no API key has`);
  return key;
}

/** `fetch`, with the bodies of refusals cut: the client reads those whole. */
async function boundedErrors(
  url: Parameters<typeof fetch>[0],
  init: Parameters<typeof fetch>[1],
  most: number,
): Promise<Response> {
  const response = await fetch(url, init);
  if (response.ok) return response;
  const { text } = await readBody(response, Math.min(most, 65_536));
  return new Response(text === '' ? null : text, { status: response.status, headers: response.headers });
}

/** The body as text, up to a number of bytes, and whether that is the whole of it. */
async function readBody(response: Response, most: number): Promise<{ text: string; whole: boolean }> {
  const decoder = new TextDecoder();
  let text = '';
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > most) {
      // Leaving the loop cancels the rest.
      return { text: text + decoder.decode(chunk.subarray(0, chunk.length - (size - most))), whole: false };
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return { text: text + decoder.decode(), whole: true };
}
