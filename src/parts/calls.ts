/**
 * What a part of one's own is asked, slot by slot, and what it may answer. Every call is given a signal,
 * which aborts when the call's time is up or the run stops. Texts in records are hostile: models and
 * strangers wrote them.
 */
import type { OperatorFunction } from 'rxjs';
import type { CallOptions, Scorable } from '../agent/model.ts';
import type {
  ObservationStatus,
  Question,
  SubTrajectory,
  Verdict,
  VerdictLabel,
} from '../topics/records.generated.ts';

type Answer<T> = T | Promise<T>;

export interface ToolCallOptions extends CallOptions {
  /**
   * What the argument says by the tool's `parameters`, checked by them; null for a tool that declares none.
   */
  readonly arguments: Readonly<Record<string, unknown>> | null;
}

/**
 * Answers one call of the policy: the text that it is shown. The argument is what stands between the tags.
 */
export type ToolCall = (
  argument: string,
  options: ToolCallOptions,
) => Answer<string | { readonly status?: Exclude<ObservationStatus, 'NO_TOOL'>; readonly text: string }>;

/** Says of one step whether it is good, from the context up to it. */
export type JudgeCall = (
  step: SubTrajectory,
  options: CallOptions,
) => Answer<VerdictLabel | boolean | { readonly label: VerdictLabel | boolean; readonly rationale?: string }>;

/** The number of one step: finite. */
export type RewardCall = (
  step: Scorable,
  options: CallOptions,
) => Answer<number | { readonly value: number; readonly rationale?: string }>;

/** Whether an answer says what one of the gold answers says. */
export type MatcherCall = (
  answer: string,
  golds: readonly string[],
  question: Question,
  options: CallOptions,
) => Answer<boolean>;

/** A data file, as a reader is given it. */
export interface ReaderFile {
  /** As in messages: the path, or `standard input`. */
  readonly name: string;
  bytes(): AsyncIterable<Uint8Array>;
  /** The lines that are not blank, without their ends. Throws on one that is too long or not UTF-8. */
  lines(): AsyncIterable<string>;
}

/** A question as a reader gives it: as a line of JSON lines has it. */
export interface ReadQuestion {
  readonly text: string;
  /**
   * At most 200 characters without blanks and `/`; without it the question is named after file and number.
   */
  readonly id?: string | number | undefined;
  /** Which of the topology's tasks; by default that of `--task`. */
  readonly task?: string | undefined;
  /** The gold answer, or several of which any counts. */
  readonly answer?: string | number | readonly (string | number)[] | null | undefined;
  /** Where it came from; by default the file and the question's number. */
  readonly source?: string | null | undefined;
  readonly meta?: Readonly<Record<string, string>> | undefined;
}

/** The questions of a file, in its order. */
export type ReaderCall = (
  file: ReaderFile,
  options: CallOptions,
) => AsyncIterable<ReadQuestion> | Iterable<ReadQuestion>;

/** One scored step of a batch. */
export interface AdvantageStep {
  readonly reward: number;
  readonly subTrajectory: SubTrajectory;
  readonly verdict: Verdict | null;
}

/**
 * The advantage of each step of a batch, in its order: finite numbers. It must depend on the batch alone, as
 * the weights are a function of the scored topic.
 */
export type AdvantageCall = (
  batch: readonly AdvantageStep[],
  options: CallOptions,
) => Answer<readonly number[]>;

/** The operator of a stage: what it takes is the records of the topic that is read. */
export type StageCall = OperatorFunction<never, unknown>;
