/**
 * What judges and reward models share: a step is put to a language model once or several times, and each
 * reply is read.
 */
import { z } from 'zod';
import { isFatal, ModelError } from '../errors.ts';
import { cutMiddle } from './cut-text.ts';
import type { CallOptions, Completion, JsonForm, LanguageModel } from './model.ts';
import type { ReplyOptions } from './reply.ts';

/** For reviewers behind an endpoint. */
export const jsonReplies = z
  .boolean()
  .default(false)
  .describe(
    'Ask for JSON by a schema (`response_format`), which the endpoint must know (vLLM, llama.cpp, OpenAI do). false: replies are read in whatever form they have.',
  );

export interface Review {
  /** The completion's name; later votes are named after it. */
  readonly id: string;
  readonly prompt: string;
  /** Null: the reply is free text. */
  readonly json: JsonForm | null;
  readonly votes: number;
  readonly maxRationaleChars: number;
}

/** One reply, read. */
export interface Vote<T> {
  /** Null where the reply has none. */
  readonly value: T | null;
  /** The reply, or what went wrong. */
  readonly rationale: string;
}

/** How a reply is read, and what is said of one without a value. */
export interface Reader<T> {
  readonly read: (reply: string, options: ReplyOptions) => T | null;
  /** Such as `the reply does not end with VERDICT: GOOD or VERDICT: BAD`. */
  readonly problem: string;
}

/**
 * Puts a step to the model as often as there are votes. Throws `ModelError` only where trying again may help,
 * or nobody can use the endpoint.
 */
export function reviews<T>(
  review: Review,
  { model, reader, signal }: { readonly model: LanguageModel; readonly reader: Reader<T> } & CallOptions,
): Promise<Vote<T>[]> {
  const { id, prompt, json, votes, maxRationaleChars } = review;
  const content = json === null ? prompt : `${prompt}\n\n${jsonInstruction(json)}`;
  const usable = ({ text, truncated = false, startsInside }: Completion) =>
    !truncated && reader.read(text, { marks: model.thinking, startsInside }) !== null;
  const ask = async (name: string): Promise<Vote<T>> => {
    const messages = [{ role: 'user' as const, content }];
    let completion: Completion;
    try {
      completion = await model.complete({ messages, id: name, signal, usable, ...(json && { json }) });
    } catch (error) {
      if (error instanceof ModelError && !error.retryable && !isFatal(error))
        return { value: null, rationale: error.message };
      throw error;
    }
    const { text, truncated = false, startsInside } = completion;
    const rationale = cutMiddle(text.trim(), maxRationaleChars);
    // What was cut off may have gone on to say something else: `REWARD: 0.7` of 0.75.
    if (truncated) return { value: null, rationale: `The reply was cut off at maxTokens: ${rationale}` };
    const value = reader.read(text, { marks: model.thinking, startsInside });
    return { value, rationale: value === null ? `${reader.problem}: ${rationale}` : rationale };
  };
  // The model bounds how many requests are under way; the first keeps the name that a single one has.
  return Promise.all(Array.from({ length: votes }, (_, vote) => ask(vote === 0 ? id : `${id}/vote/${vote}`)));
}

function jsonInstruction({ schema }: JsonForm): string {
  const form = JSON.stringify(schema);
  return `In place of that last line, write the whole reply as one JSON object of this schema, and nothing else: ${form}`;
}
