/**
 * Reads a chat completion. How it ended decides before its text does: what broke is tried again, what was
 * refused is a failure, what was cut off is said so. The text may come whole, in parts, as a tool call, or be
 * missing beside reasoning.
 */
import { z } from 'zod';
import { closeTag, type Reading, type ToolTag } from '../agent/action.ts';
import type { Completion } from '../agent/model.ts';
import { contentError, type Endpoint, endedError } from './openai-errors.ts';
import { endOf } from './openai-finish.ts';
import { type OfferedTool, readToolCall } from './openai-tool-calls.ts';

/** A text; what is no text is as if it were not there. */
const text = z.string().nullish().catch(null);

/**
 * A part of a message in parts, perhaps a bare text, without its type, or with its text a level deeper; those
 * of other types have no text.
 */
const partSchema = z.union([
  z.string().transform((text) => ({ type: 'text', text })),
  z.null().transform(() => ({ type: 'null', text: null })),
  z
    .looseObject({
      type: z
        .string()
        .transform((type) => type.toLowerCase())
        .default('text'),
      text: z
        .union([z.string(), z.object({ value: z.string() }).transform(({ value }) => value)])
        .nullish()
        .catch(null),
      content: text,
    })
    .transform((part) => ({ ...part, text: part.text ?? part.content })),
]);

/** A call as it is written: arguments are JSON in a text, or as some endpoints have them, the object. */
const callSchema = z
  .object({
    name: z.string(),
    arguments: z.union([z.string(), z.looseObject({}).transform((value) => JSON.stringify(value))]).nullish(),
  })
  .transform(({ name, arguments: written }) => ({ name, arguments: written ?? '' }));

const messageSchema = z.object({
  content: z.union([z.string(), z.array(partSchema), partSchema.transform((part) => [part])]).nullish(),
  refusal: text,
  reasoning_content: text,
  /** What some endpoints call it. */
  reasoning: text,
  /** Ollama's, and OpenRouter's. */
  thinking: text,
  reasoning_details: z.array(partSchema).nullish().catch(null),
  tool_calls: z
    .array(
      z
        .looseObject({ function: callSchema.nullish().catch(null) })
        // Some write it without the level between.
        .transform((call) => ({ function: call.function ?? callSchema.nullable().catch(null).parse(call) }))
        .nullable()
        .catch(null),
    )
    .nullish()
    .catch(null),
  /** What came before `tool_calls`, and some endpoints still have. */
  function_call: callSchema.nullish().catch(null),
});

const completionSchema = z.object({
  error: z.unknown().optional(),
  choices: z
    .array(
      z.object({
        finish_reason: text,
        /** vLLM's: the stop sequence, or the id of the stop token. */
        stop_reason: z.unknown().optional(),
        /** SGLang's, which says the same. */
        matched_stop: z.unknown().optional(),
        error: z.unknown().optional(),
        message: messageSchema,
      }),
    )
    .min(1),
});

type Choice = z.output<typeof completionSchema>['choices'][number];

export interface CompletionReading {
  readonly endpoint: Endpoint;
  /** Where an action was asked for. */
  readonly tools?: readonly ToolTag[];
  /** With `tools`: what they say of themselves, asked only where a call by the protocol is to be read. */
  readonly offered?: () => Promise<readonly OfferedTool[]>;
  readonly reading: Reading;
  /** The stop sequences that were sent, which endpoints leave out of the text. */
  readonly stops: readonly string[];
}

/**
 * The first choice of a body, as it was meant. Throws `ModelError`: retryable where the endpoint broke or
 * sent no completion, not where the model refused.
 */
export async function readCompletion(body: string, options: CompletionReading): Promise<Completion> {
  const { endpoint } = options;
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    throw contentError(endpoint, 'JSON', body);
  }
  const parsed = completionSchema.safeParse(json);
  if (!parsed.success || isError(parsed.data.error)) {
    throw contentError(endpoint, 'a chat completion with at least one choice', body);
  }
  const [choice] = parsed.data.choices;
  checkEnd(choice, endpoint, body);
  const { tool_calls: calls, function_call: called, refusal: _, ...message } = choice.message;
  const reasoning =
    message.reasoning_content ||
    message.reasoning ||
    message.thinking ||
    thoughtIn(message.content) ||
    message.reasoning_details?.map(({ text }) => text ?? '').join('');
  const content = textOf(message.content);
  const base = {
    tokens: null,
    logprobs: null,
    ...(reasoning && { reasoning }),
    ...(endOf(choice.finish_reason) === 'cut' && { truncated: true }),
  };
  const call = calls?.length ? (calls[0]?.function ?? NO_CALL) : (called ?? callIn(message.content));
  if (call && options.offered !== undefined) {
    const tools = await options.offered();
    return { ...base, ...readToolCall(call, { tools, content: content ?? '' }) };
  }
  if (content === null && !reasoning && !base.truncated) {
    const ended = `text (the completion ended with ${choice.finish_reason ?? 'no reason'})`;
    throw contentError(endpoint, ended, body);
  }
  return { ...base, text: withStop(content ?? '', choice, options) };
}

/** A call of something else than a function. */
const NO_CALL = { name: '', arguments: '' };

/** A call that is a part of the content, as Anthropic's API has it; null where there is none. */
function callIn(content: Choice['message']['content']): z.output<typeof callSchema> | null {
  const part = Array.isArray(content) ? content.find(({ type }) => type === 'tool_use') : undefined;
  if (part === undefined) return null;
  const { name, input } = part as { readonly name?: unknown; readonly input?: unknown };
  const call = callSchema.safeParse({ name, arguments: input });
  return call.success ? call.data : NO_CALL;
}

/** Throws where the completion did not end as one does. */
function checkEnd({ finish_reason, error, message }: Choice, endpoint: Endpoint, body: string): void {
  const end = endOf(finish_reason);
  if (end === 'broken' || isError(error)) {
    const ended = finish_reason ?? 'an error';
    throw endedError(endpoint, { expected: 'a whole completion', ended, body, retryable: true });
  }
  const parts = Array.isArray(message.content) ? message.content : [];
  const refusal = message.refusal?.trim() || parts.some(isRefusal);
  if (end === 'refused' || refusal) {
    const ended = end === 'refused' ? (finish_reason ?? '') : 'a refusal';
    throw endedError(endpoint, { expected: 'an action', ended, body, retryable: false });
  }
}

/** Whether a part refuses; one that says nothing does not. */
function isRefusal(part: { readonly type: string }): boolean {
  return part.type === 'refusal' && !('refusal' in part && /^\s*$/.test(String(part.refusal ?? '')));
}

/** Endpoints may write `"error": null`, or an empty one, beside everything. */
function isError(error: unknown): boolean {
  return typeof error === 'object' && error !== null ? Object.keys(error).length > 0 : Boolean(error);
}

/** The text of a content; null where there is none. */
function textOf(content: Choice['message']['content']): string | null {
  if (!Array.isArray(content)) return content ?? null;
  const texts = content.filter(({ type }) => /^(?:(?:in|out)put_)?text$/.test(type));
  return texts.length === 0 ? null : texts.map(({ text }) => text ?? '').join('');
}

/** What the parts of a content say of thinking; null where they say nothing. */
function thoughtIn(content: Choice['message']['content']): string | null {
  if (!Array.isArray(content)) return null;
  const thoughts = content.flatMap((part) => {
    if (part.type !== 'reasoning' && part.type !== 'thinking') return [];
    const thinking = 'thinking' in part ? part.thinking : null;
    return [part.text ?? (typeof thinking === 'string' ? thinking : textOf(partsOf(thinking)))];
  });
  return thoughts.length === 0 ? null : thoughts.join('');
}

/** Mistral's thoughts are parts themselves. */
function partsOf(value: unknown): Choice['message']['content'] {
  const parts = z.array(partSchema).safeParse(value);
  return parts.success ? parts.data : null;
}

/** The text with the closing tag that the endpoint took for a stop sequence and left out. */
function withStop(text: string, choice: Choice, { tools, reading, stops }: CompletionReading): string {
  if (tools === undefined || endOf(choice.finish_reason) !== 'stop') return text;
  // vLLM and SGLang say what it stopped at; null, or a token, is the end of the turn. Others do not say.
  const at = choice.stop_reason === undefined ? choice.matched_stop : choice.stop_reason;
  if (at !== undefined && !(typeof at === 'string' && stops.includes(at))) return text;
  const closed = closeTag(text, tools, reading);
  return closed !== text && stops.some((stop) => closed.endsWith(stop)) ? closed : text;
}
