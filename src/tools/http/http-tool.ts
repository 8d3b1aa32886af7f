/**
 * A tool behind an HTTP endpoint. Every fault of the endpoint is an observation; what the policy wrote
 * reaches the address only through encoded slots, and no redirect leads to another origin.
 */

import { openParameters, type Parameters } from '../../agent/arguments/parameters.ts';
import { readArgument } from '../../agent/arguments/read-argument.ts';
import { refusalOf, resultOf, timeoutOf } from '../../agent/observations.ts';
import type { Tool, ToolDescription } from '../../agent/tool.ts';
import type { Sleep } from '../../clock.ts';
import { ConfigError, ToolError } from '../../errors.ts';
import { Exhausted, retry } from '../../runtime/retry.ts';
import type { Observation } from '../../topics/records.generated.ts';
import { type FunctionSchema, readFunction } from '../function-schema.ts';
import { type Headers, readHeaders } from '../header-settings.ts';
import { withoutSecrets } from '../secrets.ts';
import { type TellFault, tellFaults } from '../told-once.ts';
import { type HttpConfig, namedSlots, sendsArgument } from './http-config.ts';
import { readReply } from './reply.ts';
import { type Sent, StatusError, send } from './request.ts';
import { fillJson, fillUrl, type Given } from './slots.ts';

export interface HttpToolDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly notify: (message: string) => void;
  readonly sleep: Sleep;
}

/** The schema of a tool whose argument is one text. */
const TEXT_ONLY: FunctionSchema = {
  description: '',
  parameters: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
};

/** Makes the tool; nothing is sent yet. Throws `ConfigError` for slots without an argument. */
export async function makeHttpTool(name: string, config: HttpConfig, deps: HttpToolDeps): Promise<HttpTool> {
  const where = `tools.${name}`;
  const declared = config.function === null ? null : readFunction(config.function, `${where}.function`);
  const { description, parameters: schema } = declared ?? TEXT_ONLY;
  const parameters = await openParameters(schema, { where: `${where}.function`, example: config.example });
  for (const slot of namedSlots(config)) {
    const known = declared === null ? [] : parameters.list.map((parameter) => parameter.name);
    if (known.includes(slot)) continue;
    throw new ConfigError(
      `${where}: {{argument.${slot}}} stands for no argument: ${known.length === 0 ? 'the tool has no `function` that declares any' : `declared are ${known.join(', ')}`}`,
    );
  }
  if (!sendsArgument(config) && parameters.list.length > 0) {
    throw new ConfigError(
      `${where}: nothing of the argument is sent: put {{argument}} into \`url\` or \`body\``,
    );
  }
  return new HttpTool(name, {
    config,
    parameters,
    structured: declared !== null,
    description: config.description ?? description,
    env: deps.env,
    sleep: deps.sleep,
    tell: tellFaults(name, deps.notify),
  });
}

interface HttpToolParts {
  readonly config: HttpConfig;
  readonly parameters: Parameters;
  /** Whether the argument is read by a schema; otherwise it is one text. */
  readonly structured: boolean;
  readonly description: string;
  readonly env: HttpToolDeps['env'];
  readonly sleep: Sleep;
  readonly tell: TellFault;
}

export class HttpTool implements Tool {
  readonly name: string;
  readonly tag: string;
  readonly pure: boolean;
  readonly concurrency: number;
  readonly #parts: HttpToolParts;
  #headers: Headers | null = null;

  constructor(name: string, parts: HttpToolParts) {
    const { tag, pure, concurrency } = parts.config;
    [this.name, this.tag, this.pure, this.concurrency] = [name, tag, pure, concurrency];
    this.#parts = parts;
  }

  async describe(): Promise<ToolDescription> {
    const { description, parameters } = this.#parts;
    return { description, parameters: parameters.schema, example: parameters.example };
  }

  async open(signal: AbortSignal): Promise<void> {
    this.#secrets();
    const { check } = this.#parts.config;
    if (check === null) return;
    const { status, text } = await this.call(check, { signal });
    if (status !== 'OK') throw new ConfigError(`tools.${this.name}.check: ${JSON.stringify(check)}: ${text}`);
  }

  async call(argument: string, { signal }: { readonly signal: AbortSignal }): Promise<Observation> {
    signal.throwIfAborted();
    const { config, tell } = this.#parts;
    const given = this.#read(argument.toWellFormed());
    if ('problem' in given) return refusalOf(this.name, given.problem);
    const url = fillUrl(config.url, given);
    if (url === null) return refusalOf(this.name, 'the argument cannot be part of the address.');
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), config.timeoutMs);
    try {
      return await this.#ask(url, given, AbortSignal.any([signal, deadline.signal]));
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (deadline.signal.aborted) {
        tell(`no answer in ${config.timeoutMs} ms (timeoutMs)`, url);
        return timeoutOf(this.name, config.timeoutMs);
      }
      if (!(error instanceof Exhausted) || !(error.error instanceof ToolError)) throw error;
      tell('the endpoint could not be asked', error.message);
      return refusalOf(this.name, 'the tool could not be reached.');
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {}

  /**
   * Throws `ConfigError` for a secret that is not set: by who calls the tool, not by who only describes it.
   */
  #secrets(): Headers {
    const { config, env } = this.#parts;
    this.#headers ??= readHeaders(config, { where: `tools.${this.name}`, env });
    return this.#headers;
  }

  #read(argument: string): Given | { readonly problem: string } {
    const { config, parameters, structured } = this.#parts;
    const read = readArgument(argument, { parameters, maxChars: config.maxArgumentChars });
    if ('problem' in read) return read;
    return { text: argument, arguments: structured ? read.arguments : null };
  }

  async #ask(url: string, given: Given, signal: AbortSignal): Promise<Observation> {
    const { config } = this.#parts;
    const headers = this.#secrets();
    const shown = (text: string) => withoutSecrets(text, headers.secrets);
    const tell: TellFault = (kind, detail) => this.#parts.tell(kind, shown(detail));
    const body = config.body === null ? null : JSON.stringify(fillJson(config.body, given));
    const reply = await this.#send({ url, body, config, headers, signal });
    if ('refusedRedirect' in reply) {
      tell('a redirect that is not followed', reply.refusedRedirect);
      return refusalOf(this.name, 'the endpoint sends elsewhere, which is not followed.');
    }
    const { status, contentType } = reply;
    const ok = status >= 200 && status < 300;
    const read = readReply(reply.body, { ...config, pointer: ok ? config.pointer : null, contentType });
    if (!ok) {
      const said = 'text' in read ? shown(read.text).trim() : '';
      tell(`status ${status}`, said);
      const why = said === '' ? '.' : `: ${resultOf(this.name, said, config.maxChars).text}`;
      return refusalOf(this.name, `the endpoint answered with status ${status}${why}`);
    }
    if ('problem' in read) {
      tell('a reply without a result', read.problem);
      return refusalOf(this.name, shown(read.problem));
    }
    return resultOf(this.name, shown(read.text), config.maxChars);
  }

  /** Tries again as the settings allow; a status that has not passed by then is the reply. */
  async #send(request: Sent): ReturnType<typeof send> {
    const { config, sleep } = this.#parts;
    try {
      return await retry(() => send(request), { config: config.retry, signal: request.signal, sleep });
    } catch (error) {
      if (error instanceof Exhausted && error.error instanceof StatusError) return error.error.reply;
      throw error;
    }
  }
}
