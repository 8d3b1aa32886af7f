/**
 * Swirl as a library: what may be imported of the package `swirl-rl`. Everything else is private and may change.
 *
 * @packageDocumentation
 */
export {
  ConfigError,
  DataError,
  DeviceError,
  type ErrorDetails,
  ModelError,
  SwirlError,
  ToolError,
  TransportError,
} from './errors.ts';
export type { Flow } from './library/flow.ts';
export type { Source } from './library/iterable-of.ts';
export type { Notify } from './library/notes.ts';
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
  loadTopology,
  type TopologyOptions,
  type TopologySettings,
  type TopologySource,
} from './library/topology.ts';
export type { RunEnd, StageProgress } from './runtime/run.ts';
export type {
  Accepted,
  Action,
  ActionKind,
  Failure,
  Judged,
  Observation,
  ObservationStatus,
  Question,
  Reward,
  Scored,
  Step,
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
} from './topics/records.generated.ts';
export type { ReadFrom, ReadOptions, TopicInfo } from './topics/transport.ts';
export { formatProblem, formatProblems, type Problem, type Severity } from './topology/problem.ts';
export type { StageName } from './topology/stage-configs.ts';
export type { Topology } from './topology/topology.ts';
