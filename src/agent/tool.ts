/** A tool answers the policy's calls. What it refuses goes back to the policy as an observation. */
import type { Observation } from '../topics/records.generated.ts';
import type { Paid } from './paid.ts';

/** What a policy is told of a tool. */
export interface ToolDescription {
  /** What it does: a sentence or a few. */
  readonly description: string;
  /**
   * JSON Schema of its arguments, an object; a tool that takes one text has one required property of type
   * string.
   */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** What may stand between its tags, for a worked example. */
  readonly example: string;
  /** Questions that it helps to answer, worked: the most telling first. */
  readonly worked?: readonly WorkedQuestion[];
}

/** A question, answered by calls of one tool. */
export interface WorkedQuestion {
  readonly question: string;
  /** In order; `result` is what the tool shows. */
  readonly calls: readonly { readonly argument: string; readonly result: string }[];
  readonly answer: string;
}

/** A tool, as policies are told of it. */
export interface ToldTool {
  readonly tag: string;
  /** Null where nobody says what it is good for. */
  readonly description: ToolDescription | null;
}

export interface Tool {
  /** The tool's name in topology and records, such as `calculator`. */
  readonly name: string;
  /** The tag that calls it, such as `math_exp` for `<math_exp>2+2</math_exp>`. */
  readonly tag: string;
  /**
   * Whether a call is cheap and its result depends on the argument alone, so that a judge may make it again.
   */
  readonly pure?: boolean;
  /** Most calls of it at once in this process, others wait; by default as many as come. */
  readonly concurrency?: number;
  /**
   * The form in which the tool tells calls apart: arguments of the same form are the same call. By default
   * the text without blanks around it, and of JSON the value.
   */
  callForm?(argument: string): string;
  /**
   * What it is good for and how it is called. One that is somebody else's is asked; throws as `open` does.
   */
  describe?(signal: AbortSignal): Promise<ToolDescription>;
  /**
   * Makes sure that the tool can be called, before the first call: throws `ConfigError` for what will not get
   * better by itself, such as a command that is not there.
   */
  open?(signal: AbortSignal): Promise<void>;
  /**
   * Answers one call. The argument is hostile text. Refusals and time-outs are observations; throws
   * `ToolError` only when the tool itself is broken.
   */
  call(argument: string, options: { readonly signal: AbortSignal }): Promise<Observation>;
  close(): Promise<void>;
}

/**
 * What a tool shows that looked and found nothing: an observation, but nothing that an answer could follow
 * from.
 */
export const NOTHING_FOUND = 'Nothing was found.';

/** What a tool is made with, beside its settings. */
export interface ToolContext {
  /** Its name in the topology. */
  readonly name: string;
  /** Milliseconds on a clock that only goes forward. */
  readonly now: () => number;
  /** Environment variables: secrets are named by them. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Tells the user something. */
  readonly notify: (message: string) => void;
  /** The door of requests that cost something, such as embeddings; without it they are neither kept nor counted. */
  readonly paid?: Paid;
  /**
   * What the tools of one run share, such as a server process: made for the first that asks by that key,
   * closed with the run.
   */
  readonly shared: <T extends { close?(): Promise<void> }>(key: string, make: () => T) => T;
}
