/**
 * Swirl as a library: what may be imported of the package `swirl-rl`. Everything else is private and may change.
 *
 * @packageDocumentation
 */

export type { ToolTag } from './agent/action.ts';
export type {
  CallOptions,
  Completion,
  CompletionRequest,
  JsonForm,
  Judge,
  LanguageModel,
  Message,
  RewardModel,
  Scorable,
} from './agent/model.ts';
export type { Tool, ToolDescription, WorkedQuestion } from './agent/tool.ts';
export {
  ConfigError,
  DataError,
  DeviceError,
  EndpointError,
  type ErrorDetails,
  ModelError,
  SwirlError,
  ToolError,
  TransportError,
} from './errors.ts';
export type { Flow } from './library/flow.ts';
export type { Source } from './library/iterable-of.ts';
export type { Notify } from './library/notes.ts';
export { decompose } from './library/operators/decompose.ts';
export { type FilterOptions, filter } from './library/operators/filter.ts';
export { type JudgeChoice, judge } from './library/operators/judge.ts';
export type { PartOptions, RecordOptions } from './library/operators/one-stage.ts';
export { paced } from './library/operators/paced.ts';
export type { OperatorOptions } from './library/operators/plain.ts';
export { RecordFailed } from './library/operators/record-failed.ts';
export { type ResampleOptions, resample } from './library/operators/resample.ts';
export type { JudgeOptions } from './library/operators/reviewer.ts';
export { type RewardChoice, reward } from './library/operators/reward.ts';
export { type PolicyChoice, type RolloutOptions, rollout } from './library/operators/rollout.ts';
export type { ToolChoice, ToolWithSettings } from './library/operators/tools-of.ts';
export { type TrainOptions, train } from './library/operators/train.ts';
export {
  openPolicy,
  type Policy,
  type PolicySettings,
  type SampleOptions,
  type ScoreRequest,
} from './library/policy.ts';
export { type QuestionFields, question } from './library/question.ts';
export {
  type FeedOptions,
  type OpenOptions,
  openRun,
  openTopics,
  type Run,
  type StartOptions,
  type Topics,
} from './library/run.ts';
export type { Entry, Lost, TapOptions } from './library/tap.ts';
export {
  type CheckedTopology,
  checkTopology,
  type LoadTopologyOptions,
  loadTopology,
  type TopologyOptions,
  type TopologySettings,
  type TopologySource,
} from './library/topology.ts';
export type { Score } from './models/score.ts';
export type { GivenPart, PartValue, WithSettings } from './modules/given-part.ts';
export { type Gathered, type GatherOptions, gather, type StepRecord } from './own-stages/gather.ts';
export { type Addressed, type Refusal, refuse, to } from './own-stages/outputs.ts';
export type {
  AdvantageCall,
  AdvantageStep,
  JudgeCall,
  MatcherCall,
  ReaderCall,
  ReaderFile,
  ReadQuestion,
  RewardCall,
  StageCall,
  ToolCall as ToolFunction,
  ToolCallOptions,
} from './parts/calls.ts';
export {
  type Definition,
  type DefinitionOf,
  defineAdvantage,
  defineJudge,
  defineMatcher,
  defineReader,
  defineReward,
  defineTool,
  type MadePart,
  type PartContext,
  type PartName,
  type ToolTold,
} from './parts/define.ts';
export { defineStage, type StageDefinition, type StageTraits } from './parts/define-stage.ts';
export type {
  CheckedBy,
  StandardIssue,
  StandardResult,
  StandardSchemaV1,
} from './parts/standard-schema.ts';
export type { RunEnd, StageProgress } from './runtime/run.ts';
export type { RecordOf } from './topics/record-of.ts';
export type {
  Accepted,
  Action,
  ActionKind,
  Failure,
  Judged,
  Observation,
  ObservationStatus,
  Origin,
  Question,
  Reward,
  RewardVote,
  Scored,
  Step,
  StepLogprobs,
  SubTrajectory,
  ToolCall,
  Topic,
  TopicRecords,
  Trajectory,
  TrajectoryEnd,
  Turn,
  Update,
  Verdict,
  VerdictLabel,
  VerdictVote,
} from './topics/records.generated.ts';
export type { ReadFrom, ReadOptions, TopicInfo } from './topics/transport.ts';
export { formatProblem, formatProblems, type Problem, type Severity } from './topology/problem.ts';
export type { StageName } from './topology/stage-configs.ts';
export type { Topology } from './topology/topology.ts';
