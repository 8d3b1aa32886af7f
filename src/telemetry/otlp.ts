/**
 * Sends spans to a collector: OTLP over HTTP in JSON (https://opentelemetry.io/docs/specs/otlp/#otlphttp). It never
 * holds a run up: what a slow or absent collector does not take is dropped, counted and told.
 */
import type { Span } from './trajectory-spans.ts';

/** Spans that wait, those that are sent at once, and how often they are, in milliseconds. */
const MOST_WAITING = 20_000;
const TOGETHER = 512;
const EVERY_MS = 2_000;

export interface OtlpOptions {
  /** Without `/v1/traces`. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What is said of whoever makes the spans. */
  readonly resource: Readonly<Record<string, string>>;
  readonly version: string;
  /** Milliseconds since 1970 at which the run's clock was 0. */
  readonly origin: number;
  /** How long a collector may take for one request, and for all that is left at the end, in milliseconds. */
  readonly timeoutMs: number;
  readonly endMs: number;
  readonly notify: (message: string) => void;
}

export class OtlpExporter {
  readonly #options: OtlpOptions;
  readonly #url: string;
  readonly #timer: NodeJS.Timeout;
  #waiting: Span[] = [];
  #sending: Promise<void> | null = null;
  #isTold = false;
  /** Aborts when the end has taken long enough. */
  readonly #over = new AbortController();
  /** Why spans were dropped last, where that was not told. */
  #untold: string | null = null;
  #isClosing = false;
  dropped = 0;
  sent = 0;

  constructor(options: OtlpOptions) {
    this.#options = options;
    this.#url = `${options.endpoint.replace(/\/+$/, '')}/v1/traces`;
    this.#timer = setInterval(() => this.#send(), EVERY_MS).unref();
  }

  add(spans: readonly Span[]): void {
    for (const span of spans) {
      if (this.#waiting.length < MOST_WAITING) this.#waiting.push(span);
      else this.dropped++;
    }
    if (this.#waiting.length >= TOGETHER) this.#send();
  }

  /** Sends what is left, as long as the collector takes it and that takes no longer than `endMs`; says what was lost. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#isClosing = true;
    const { endMs, notify } = this.#options;
    const timer = setTimeout(() => this.#over.abort(), endMs);
    await this.#sendRest();
    clearTimeout(timer);
    if (this.dropped === 0) return;
    const why = this.#untold === null ? '' : `: ${this.#url}: ${this.#untold}`;
    notify(`traces: ${this.dropped} of ${this.dropped + this.sent} spans were not taken${why}`);
  }

  async #sendRest(): Promise<void> {
    for (;;) {
      await this.#sending;
      const before = this.dropped;
      if (this.#waiting.length === 0) break;
      this.#send();
      await this.#sending;
      // One that does not answer is not asked again for each of the rest.
      if (this.dropped > before) {
        this.dropped += this.#waiting.length;
        this.#waiting = [];
      }
    }
  }

  #send(): void {
    if (this.#sending !== null || this.#waiting.length === 0) return;
    const spans = this.#waiting.splice(0, TOGETHER);
    this.#sending = this.#post(spans).finally(() => {
      this.#sending = null;
      if (this.#waiting.length >= TOGETHER) this.#send();
    });
  }

  async #post(spans: readonly Span[]): Promise<void> {
    const { timeoutMs, endMs } = this.#options;
    const late = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...this.#options.headers },
        body: JSON.stringify(this.#request(spans)),
        signal: AbortSignal.any([late, this.#over.signal]),
        redirect: 'error',
      });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`status ${response.status}`);
      this.sent += spans.length;
    } catch (error) {
      this.dropped += spans.length;
      if (this.#isTold) return;
      const { cause, message } = error as Error & { readonly cause?: { readonly message?: string } };
      const limit = this.#over.signal.aborted ? endMs : late.aborted ? timeoutMs : null;
      const why = limit === null ? (cause?.message ?? message) : `no answer within ${limit} ms`;
      this.#untold = why;
      // Told once: at the end together with how many they were.
      if (this.#isClosing) return;
      this.#isTold = true;
      this.#untold = null;
      this.#options.notify(
        `traces: ${this.#url} does not take them: ${why}. The run goes on without those that it does not take`,
      );
    }
  }

  #request(spans: readonly Span[]): object {
    const { resource, version, origin } = this.#options;
    const nanos = (ms: number) => String(BigInt(Math.round((origin + ms) * 1000)) * 1000n);
    return {
      resourceSpans: [
        {
          resource: { attributes: attributesOf(resource) },
          scopeSpans: [
            {
              scope: { name: 'swirl', version },
              spans: spans.map(({ startMs, endMs, attributes, error, parentSpanId, ...span }) => ({
                ...span,
                ...(parentSpanId === '' ? {} : { parentSpanId }),
                startTimeUnixNano: nanos(startMs),
                endTimeUnixNano: nanos(endMs),
                attributes: attributesOf(attributes),
                status: error === null ? {} : { code: 2, message: error.slice(0, 500) },
              })),
            },
          ],
        },
      ],
    };
  }
}

function attributesOf(values: Readonly<Record<string, string | number | boolean>>): object[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: anyValue(key, value) }));
}

/** Attributes that the conventions have as floating-point numbers, whole ones too. */
const DOUBLES = new Set(['gen_ai.request.temperature', 'gen_ai.evaluation.score.value']);

function anyValue(key: string, value: string | number | boolean): object {
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'string') return { stringValue: value.toWellFormed() };
  // 64-bit integers are texts in OTLP's JSON.
  return Number.isInteger(value) && !DOUBLES.has(key) ? { intValue: String(value) } : { doubleValue: value };
}

/** `name=value,name=value` as headers; values may be percent-encoded. */
export function headersIn(text: string): Record<string, string> {
  const pairs = text
    .split(',')
    .map((pair) => pair.trim())
    .filter((pair) => pair.includes('='))
    .map((pair) => [
      pair.slice(0, pair.indexOf('=')).trim(),
      decoded(pair.slice(pair.indexOf('=') + 1).trim()),
    ]);
  return Object.fromEntries(pairs);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
