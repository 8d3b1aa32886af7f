/**
 * The models that stages use. Policy, judge and reward model are all built on a language model, or on rules.
 */

import type { Question, Reward, Step, SubTrajectory, Verdict } from '../topics/records.generated.ts';
import type { ToolTag } from './action.ts';
import type { ThinkingMarks } from './thinking.ts';

/** One message of a conversation. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
  /**
   * For an assistant message that a local policy sampled: its recorded token ids. A local model uses them
   * as they are and never tokenizes the text again; a remote model ignores them.
   */
  readonly tokens?: readonly number[] | null;
  /** For an assistant message: the tool call that its text makes. */
  readonly call?: { readonly tool: string; readonly argument: string };
  /** For the user message after such a call: what the tool answered, alone. */
  readonly result?: string;
  /** For an assistant message: what was thought before it, for templates that show it. */
  readonly reasoning?: string | null;
}

export interface CompletionRequest {
  readonly messages: readonly Message[];
  /** Names the sample: its random numbers are a function of the run's seed and this id. */
  readonly id: string;
  readonly signal: AbortSignal;
  /**
   * Given where an action is to be written, with the tools that it may call: the completion ends with the
   * action's first complete tag. Left out, nothing is read for tags.
   */
  readonly tools?: readonly ToolTag[];
  /**
   * The JSON that the reply is to be; endpoints are held to it by `response_format`, other models ignore it.
   */
  readonly json?: JsonForm;
  /** Whether the completion is what was asked for: one that is not is not kept for who asks again. */
  readonly usable?: (completion: Completion) => boolean;
  /** For which stage it is asked, where that is another than the model was made for. */
  readonly stage?: string;
}

/** A JSON schema by its name. */
export interface JsonForm {
  readonly name: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

export interface Completion {
  /** What the model wrote, without its end-of-turn token. */
  readonly text: string;
  /** Sampled ids and their logprobs, where the model gives them (end-of-turn included). */
  readonly tokens: readonly number[] | null;
  readonly logprobs: readonly number[] | null;
  /** What divided the logits that the logprobs are of; left out where unknown. */
  readonly temperature?: number;
  /** What was thought before the text, where the model gives it apart. */
  readonly reasoning?: string | null;
  /** Where the text is a call that cannot be made: why, in words free of the model's own. */
  readonly problem?: string;
  /** Whether it was cut off at the largest number of tokens. */
  readonly truncated?: boolean;
  /** Whether the text begins within thinking, which the prompt opened. */
  readonly startsInside?: boolean;
  /** Who wrote it, where that can be another than the model by its name now: a policy that learns. */
  readonly model?: string;
}

/** Continues a conversation. Sampling settings (temperature, length) belong to the model's configuration. */
export interface LanguageModel {
  /** Recorded with everything it writes: a local policy's name and weights hash, a remote model's name. */
  readonly name: string;
  /** The marks around what it thinks; by default those of `THINKING_MARKS`. */
  readonly thinking?: ThinkingMarks | undefined;
  /**
   * Throws `ContextError` where the conversation leaves no room in the context, another `ModelError`
   * (retryable or not) where there is no completion, or the signal's reason when it aborts.
   */
  complete(request: CompletionRequest): Promise<Completion>;
  close(): Promise<void>;
}

export interface CallOptions {
  readonly signal: AbortSignal;
}

/** Judges one action by its context alone. Throws `ModelError` only where trying again may help. */
export interface Judge {
  readonly name: string;
  judge(subTrajectory: SubTrajectory, options: CallOptions): Promise<Verdict>;
  /** Gives back what it holds, where it holds anything. */
  close?(): Promise<void>;
}

/** What a reward model may see: the sub-trajectory and its verdict; never the gold answer. */
export interface Scorable {
  readonly subTrajectory: SubTrajectory;
  readonly verdict: Verdict;
}

/** Scores one action. Throws `ModelError` where there is no finite reward. */
export interface RewardModel {
  readonly name: string;
  score(step: Scorable, options: CallOptions): Promise<Reward>;
  close?(): Promise<void>;
}

/** What the policy is told before a question. */
export interface ToldTask {
  /** The system message. */
  readonly instructions: string;
  /** Messages that stand before the question; none where left out. */
  readonly examples?: readonly ExampleTurn[];
}

/** A message as the policy might be shown it, and what it might write then. */
export interface ExampleTurn {
  readonly user: string;
  readonly assistant: string;
}

/** What the policy is told about a task: from the topology. */
export interface Task extends ToldTask {
  readonly name: string;
  /** Names of the tools it may call. */
  readonly tools: readonly string[];
  /** The largest number of actions in a trajectory. */
  readonly maxSteps: number;
}

/** A rollout's state, as the policy sees it. */
export interface History {
  readonly question: Question;
  readonly steps: readonly Step[];
}
