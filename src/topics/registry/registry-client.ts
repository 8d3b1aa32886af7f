/** Speaks to a schema registry: the three calls of Confluent's protocol that Swirl needs. */
import { z } from 'zod';
import { ConfigError, DataError, TransportError } from '../../errors.ts';
import { readSecret, type SecretDeps } from '../secret.ts';
import type { RegistryConfig } from './registry-config.ts';

export interface RegistryDeps extends SecretDeps {
  readonly fetch: typeof fetch;
  readonly sleep: (ms: number) => Promise<void>;
}

export interface RegistryClient {
  readonly url: string;
  /**
   * The schema's id under the subject, registered where it is not yet. A `ConfigError` where the registry
   * refuses it.
   */
  register(subject: string, schema: string): Promise<number>;
  /** The schema's id under the subject. A `ConfigError` where it is not registered. */
  find(subject: string, schema: string): Promise<number>;
  /** Whether the subject has any version. Throws as the others do where what answers is no registry. */
  knows(subject: string): Promise<boolean>;
  /** The Avro schema with an id. A `DataError` where there is none, or it is not Avro. */
  schemaOf(id: number): Promise<string>;
}

const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json';
const MAX_RESPONSE_BYTES = 4 * 1024 * 1024;
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 5_000;
/** How much of a registry's own words is shown. */
const SHOWN_CHARACTERS = 600;

interface Answer {
  readonly status: number;
  readonly text: string;
}

const idAnswer = z.object({ id: z.int().min(0).max(0x7fffffff) });
const schemaAnswer = z.object({
  schema: z.string(),
  schemaType: z.string().default('AVRO'),
  references: z.array(z.unknown()).nullable().default([]),
});

/** What a registry says where there is no such subject; any other server has a 404 of its own. */
const notFound = z.object({ error_code: z.int().min(40_400).max(40_499) });

/**
 * A client of the registry. A `ConfigError` where a variable or file that the configuration names is missing.
 */
export function registryClient(config: RegistryConfig, deps: RegistryDeps): RegistryClient {
  const url = config.url.replace(/\/+$/, '');
  const authorization = basicAuth(config, deps);

  /** One request, tried again while that may help. */
  const ask = async (path: string, body: unknown): Promise<Answer> => {
    let failure = '';
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await request(path, body);
        if (answer.status !== 429 && answer.status < 500) return answer;
        failure = `HTTP ${answer.status}${wordsOf(answer)}`;
      } catch (error) {
        if (error instanceof DataError) throw error;
        failure = causeOf(error, config.timeoutMs);
      }
      if (attempt >= config.attempts) {
        throw new TransportError(
          `the schema registry ${url} does not answer ${path} (tried ${attempt} times): ${failure}. Is it up, and is the address right? ` +
            'Nothing is lost: start again when it is.',
          { retryable: true },
        );
      }
      await deps.sleep(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1)));
    }
  };

  const request = async (path: string, body: unknown): Promise<Answer> => {
    const response = await deps.fetch(`${url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        accept: CONTENT_TYPE,
        ...(body === undefined ? {} : { 'content-type': CONTENT_TYPE }),
        ...(authorization === null ? {} : { authorization }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // A redirection would take the password elsewhere.
      redirect: 'manual',
      signal: AbortSignal.timeout(config.timeoutMs),
    });
    return { status: response.status, text: await boundedText(response) };
  };

  const explain = (subject: string, answer: Answer): ConfigError => {
    const words = wordsOf(answer);
    switch (answer.status) {
      case 409:
        return new ConfigError(
          `the schema registry ${url} refuses the schema of ${subject}: it is incompatible with what was registered there before${words}. ` +
            'Another version of Swirl used this run name: take another name for the run, or change the compatibility of the subject.',
        );
      case 422:
        return new ConfigError(
          `the schema registry ${url} says that the schema of ${subject} is invalid${words}`,
        );
      case 404:
        return new ConfigError(
          `the schema registry ${url} does not know the schema of ${subject}${words}. ` +
            'Let Swirl register it (transport.registry.register: true), or see that the address is right.',
        );
      default:
        return unexpected(answer, subject);
    }
  };

  const unexpected = (answer: Answer, what: string): ConfigError => {
    const { status } = answer;
    if (status === 401 || status === 403) {
      return new ConfigError(
        `the schema registry ${url} refuses this user ${what} (HTTP ${status})${wordsOf(answer)}: see usernameEnv and passwordEnv of transport.registry`,
      );
    }
    return new ConfigError(
      `${url} does not answer as a schema registry does, for ${what}: HTTP ${status}${wordsOf(answer)}. Expected the address below which /subjects is.`,
    );
  };

  const idUnder = async (path: string, subject: string, schema: string): Promise<number> => {
    const answer = await ask(path, { schema });
    if (answer.status !== 200) throw explain(subject, answer);
    const parsed = idAnswer.safeParse(jsonOf(answer));
    if (!parsed.success) throw unexpected(answer, subject);
    return parsed.data.id;
  };

  return {
    url,
    register: (subject, schema) =>
      idUnder(`/subjects/${encodeURIComponent(subject)}/versions`, subject, schema),
    find: (subject, schema) => idUnder(`/subjects/${encodeURIComponent(subject)}`, subject, schema),
    knows: async (subject) => {
      const answer = await ask(`/subjects/${encodeURIComponent(subject)}/versions`, undefined);
      const json = jsonOf(answer);
      if (answer.status === 200 && Array.isArray(json)) return json.length > 0;
      if (answer.status === 404 && notFound.safeParse(json).success) return false;
      throw unexpected(answer, subject);
    },
    schemaOf: async (id) => {
      const answer = await ask(`/schemas/ids/${id}`, undefined);
      // Anybody may write any id before a record: what the registry says to it does not stop the run.
      if ([400, 404, 422].includes(answer.status)) {
        throw new DataError(`the schema registry ${url} knows no schema with the id ${id}`);
      }
      const parsed = answer.status === 200 ? schemaAnswer.safeParse(jsonOf(answer)) : undefined;
      if (parsed === undefined || !parsed.success) throw unexpected(answer, `the schema with the id ${id}`);
      const { schema, schemaType, references } = parsed.data;
      if (schemaType !== 'AVRO') {
        throw new DataError(
          `expected an Avro schema with the id ${id}, found one of ${schemaType.slice(0, 40)}`,
        );
      }
      if ((references ?? []).length > 0) {
        throw new DataError(
          `the schema with the id ${id} refers to others: expected one that holds all it needs, as schemas/ have them when published`,
        );
      }
      return schema;
    },
  };
}

function basicAuth(config: RegistryConfig, deps: SecretDeps): string | null {
  if (config.usernameEnv === null) return null;
  const key = 'transport.registry';
  const username = readSecret({ key: `${key}.username`, variable: config.usernameEnv, file: null }, deps);
  const password = readSecret(
    { key: `${key}.password`, variable: config.passwordEnv, file: config.passwordFile },
    deps,
  );
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop cancels the rest.
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_RESPONSE_BYTES) {
      throw new DataError(`the schema registry's answer has more than ${MAX_RESPONSE_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function jsonOf({ text }: Answer): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What the registry says itself, shortened, after a colon. */
function wordsOf(answer: Answer): string {
  const { message } = (jsonOf(answer) ?? {}) as { readonly message?: unknown };
  if (typeof message !== 'string' || message === '') return '';
  const plain = message.replace(/\p{Cc}+/gu, ' ');
  return `: "${plain.length > SHOWN_CHARACTERS ? `${plain.slice(0, SHOWN_CHARACTERS)}…` : plain}"`;
}

function causeOf(error: unknown, timeoutMs: number): string {
  if ((error as Error).name === 'TimeoutError') return `no answer within ${timeoutMs} ms`;
  const { code, message } = ((error as Error).cause ?? error) as {
    readonly code?: string;
    readonly message: string;
  };
  return code ?? message;
}
