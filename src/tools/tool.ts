/** A tool answers the policy's calls. What it refuses goes back to the policy as an observation. */
import type { Observation } from '../topics/records.generated.ts';

export interface Tool {
  /** The tool's name in topology and records, such as `calculator`. */
  readonly name: string;
  /** The tag that calls it, such as `math_exp` for `<math_exp>2+2</math_exp>`. */
  readonly tag: string;
  /** Whether a call is cheap and its result depends on the argument alone, so that a judge may make it again. */
  readonly pure?: boolean;
  /**
   * Answers one call. The argument is hostile text. Refusals and time-outs are observations; throws
   * `ToolError` only when the tool itself is broken.
   */
  call(argument: string, options: { readonly signal: AbortSignal }): Promise<Observation>;
  close(): Promise<void>;
}

/** What a tool shows that looked and found nothing: an observation, but nothing that an answer could follow from. */
export const NOTHING_FOUND = 'Nothing was found.';
