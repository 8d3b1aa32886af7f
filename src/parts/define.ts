/**
 * `defineTool`, `defineJudge` and the like: what a module exports that is more than a plain function. A
 * definition is a plain object, known by its field `part` and never by class or symbol, since a module may
 * have loaded another copy of this package.
 */
import type {
  AdvantageCall,
  JudgeCall,
  MatcherCall,
  ReaderCall,
  RewardCall,
  StageCall,
  ToolCall,
} from './calls.ts';
import type { CheckedBy, StandardSchemaV1 } from './standard-schema.ts';

/** The slots that a part of one's own may fill, and what is called there. */
export interface PartCalls {
  tool: ToolCall;
  judge: JudgeCall;
  reward: RewardCall;
  matcher: MatcherCall;
  reader: ReaderCall;
  advantage: AdvantageCall;
  stage: StageCall;
}

export type PartName = keyof PartCalls;

/** What a part is made with, once per run. */
export interface PartContext {
  /** Where it stands in the topology, such as `tools.clock`. */
  readonly name: string;
  /** The run's seed: with the ids of records it decides what is random. */
  readonly seed: number;
  /** Aborts when the run ends, before `close` is called. */
  readonly signal: AbortSignal;
  /** Tells the user something, once. */
  readonly notify: (message: string) => void;
}

/** The function that is called, alone or with what gives back what it holds. */
export type MadePart<Call> = Call | { readonly call: Call; readonly close?: () => void | Promise<void> };

export interface Definition<Name extends string, Call, Settings = never> {
  readonly part: Name;
  /** What it is, in a sentence: for people, and of a tool also for the policy. */
  readonly description?: string;
  /** Checks and completes `settings` of the topology; without it the part takes none. */
  readonly settings?: StandardSchemaV1;
  make(settings: Settings, context: PartContext): MadePart<Call> | Promise<MadePart<Call>>;
}

/** What is written of a definition; its settings are as the schema gives them. */
export interface DefinitionOf<Call, Schema extends StandardSchemaV1> {
  readonly description?: string;
  readonly settings?: Schema;
  make(settings: CheckedBy<Schema>, context: PartContext): MadePart<Call> | Promise<MadePart<Call>>;
}

export type NoSettings = StandardSchemaV1<unknown, Record<string, never>>;

function define<Name extends string, Call>(part: Name) {
  return <Schema extends StandardSchemaV1 = NoSettings>(
    definition: DefinitionOf<Call, Schema>,
  ): Definition<Name, Call, CheckedBy<Schema>> => ({ ...definition, part });
}

/** What a policy is told of a tool, beside its description. */
export interface ToolTold {
  readonly description?: string;
  /** What may stand between its tags, for a worked example. */
  readonly example?: string;
  /** JSON Schema of its arguments, an object; without it the tool takes one text. */
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** A tool: `tools.NAME: { kind: module, path: ./my-tool.ts, tag: my_tool }`. */
export const defineTool: <Schema extends StandardSchemaV1 = NoSettings>(
  definition: DefinitionOf<ToolCall, Schema> & ToolTold,
) => Definition<'tool', ToolCall, CheckedBy<Schema>> & ToolTold = define<'tool', ToolCall>('tool');
/** A process judge: `judge: { kind: module, path: ./my-judge.ts }`. */
export const defineJudge = define<'judge', JudgeCall>('judge');
/** A reward: `reward: { kind: module, path: ./my-reward.ts }`. */
export const defineReward = define<'reward', RewardCall>('reward');
/** What compares answers with gold answers: `matcher: { kind: module, path: ./my-matcher.ts }`. */
export const defineMatcher = define<'matcher', MatcherCall>('matcher');
/** A reader of questions: `swirl feed FILE --reader ./my-reader.ts`. */
export const defineReader = define<'reader', ReaderCall>('reader');
/** An advantage: `stages.train.advantage: { kind: module, path: ./my-advantage.ts }`. */
export const defineAdvantage = define<'advantage', AdvantageCall>('advantage');
