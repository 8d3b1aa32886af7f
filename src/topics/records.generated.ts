// Generated from schemas/*.avsc by `npm run generate`. Do not edit.

/** Topic `accepted`: a judged sub-trajectory of a trajectory that passed the filter; the steps of one trajectory are adjacent and in order. Key: the trajectory's id. */
export interface Accepted {
  /** The step's name. */
  id: string;
  /** What was accepted. */
  subTrajectory: SubTrajectory;
  /** The judge's verdict. */
  verdict: Verdict;
  /** Whether the trajectory's answer matches the gold answer; null where the filter did not look. */
  correct: boolean | null;
  /** The matcher that said so, where it is the user's own. */
  by?: Origin | null | undefined;
}

/** TOOL_CALL: the first complete tag outside thinking calls a tool. ANSWER: it gives the answer. NONE: there is no complete tag, or nothing in it. */
export type ActionKind = 'TOOL_CALL' | 'ANSWER' | 'NONE';

/** What the policy wrote in one step: reasoning, and then a tool call or an answer. A part of other records; no topic of its own. */
export interface Action {
  /** The policy's words, verbatim, without the end-of-turn token. Hostile text: never executed, never interpolated into markup. */
  text: string;
  /** What the text was parsed as. */
  kind: ActionKind;
  /** The called tool's name, for TOOL_CALL. */
  tool: string | null;
  /** The text inside the tag, trimmed: the tool's argument or the final answer. Null for NONE. */
  content: string | null;
  /** The sampled token ids, end-of-turn token included when it was sampled. Null where the policy gave none (a remote model). */
  tokens: number[] | null;
  /** Natural logprob of each of `tokens` under the softmax of the logits divided by `temperature`, before top-k and top-p. Null where unknown. */
  logprobs: number[] | null;
  /** What the logits were divided by where `logprobs` were taken, and are again in training. Null where unknown: taken as 1. */
  temperature: number | null;
  /** What the model thought before it wrote the text, where its endpoint gives that apart (`reasoning_content`). Thinking within the text stays there. Hostile text. */
  reasoning: string | null;
  /** Whether the policy was cut off at its largest number of tokens, before it ended by itself. */
  truncated: boolean;
  /** Who wrote it: a local policy's name and weights hash (`local:4f0c...`), a remote model's name, or a data set. */
  policy: string;
}

/** Topic `failures`: a record that a stage could not process. Key: the record's id, or its position where it has none. */
export interface Failure {
  /** `STAGE:TOPIC:PARTITION:OFFSET`: where it happened, so that a repeated delivery bears the same name. */
  id: string;
  /** The stage that failed. */
  stage: string;
  /** The input's topic. */
  topic: string;
  /** The input's partition. */
  partition: number;
  /** The input's offset. */
  offset: number;
  /** The input's id, where it could be decoded. */
  record: string | null;
  /** The error's class, such as `ModelError`. */
  error: string;
  /** What was expected, what was found and where. */
  message: string;
  /** Whether trying again may help. */
  retryable: boolean;
  /** How often it was tried. */
  attempts: number;
  /** The input's bytes, where they could not be decoded. */
  bytes: Uint8Array | null;
}

/** UNKNOWN: the judge could not be reached or understood, or cannot tell. Never counted as BAD. */
export type VerdictLabel = 'GOOD' | 'BAD' | 'UNKNOWN';

/** One of several replies that a verdict was made of. */
export interface VerdictVote {
  /** What the reply says. */
  label: VerdictLabel;
  /** Its explanation, or for UNKNOWN what went wrong. Hostile text. */
  rationale: string;
}

/** The process judge's view of one action, from the context alone: no gold answer, no later step. */
export interface Verdict {
  /** The verdict. */
  label: VerdictLabel;
  /** The judge's explanation, or for UNKNOWN what went wrong. Hostile text. */
  rationale: string;
  /** Who judged: `rules`, `lab`, or a model's name. */
  judge: string;
  /** The votes, where the judge was asked more than once; the verdict is their majority. */
  votes: VerdictVote[];
  /** The module or prompt that judged, where it is the user's own. */
  by?: Origin | null | undefined;
}

/** Topic `judged`: a sub-trajectory with its verdict. Key: the trajectory's id. */
export interface Judged {
  /** The step's name. */
  id: string;
  /** What was judged. */
  subTrajectory: SubTrajectory;
  /** The verdict. */
  verdict: Verdict;
}

/** The module or prompt of the user's own, or the MCP server, that decided something. A part of other records; no topic of its own. */
export interface Origin {
  /** The file's name, such as `my-reward.js`; of a package its path from `node_modules` on. The same on every machine. Of an MCP server its name and version, by its own word. */
  module: string;
  /** Which of its exports; `prompt` for a prompt; of an MCP server which of its tools. */
  export: string;
  /** SHA-256 of its content, hexadecimal: of a module, with all that it imports by relative paths; of an MCP tool of its name, description and schema as they are offered. */
  hash: string;
  /** Its settings as the topology gave them, as JSON with sorted keys; where these are more than 2000 characters, `sha256:` and their hash. */
  settings: string;
}

/** Topic `questions`: a task for the policy. Key: the question's id. */
export interface Question {
  /** Unique in the run, without '/'. Every record that comes of this question is named after it. */
  id: string;
  /** Which of the topology's tasks this is: the task sets the instructions, the tools and the largest number of steps. */
  task: string;
  /** The question as the policy is shown it. */
  text: string;
  /** The gold answer, if there is one; where there are several, the first. Only the outcome filter and evaluation read it; it is never shown to policy, judge or reward model. */
  answer: string | null;
  /** Where it came from, such as `gsm8k:train.jsonl:17`. */
  source: string | null;
  /** Anything else the producer wants carried along. Never shown to the policy. */
  meta: Record<string, string>;
  /** Further gold answers, each of which counts as well as `answer`: other names, other spellings. Read by the same. */
  answers: string[];
  /** The reader that made it of a data file, where it is the user's own. */
  by?: Origin | null | undefined;
}

/** One of several replies that a reward was made of. */
export interface RewardVote {
  /** Its number; null where the reply had none. */
  value: number | null;
  /** Its explanation, or what went wrong. Hostile text. */
  rationale: string;
}

/** The reward model's number for one action: R(a given s) of the paper's objective. */
export interface Reward {
  /** The reward; finite. */
  value: number;
  /** The reward model's explanation, if it gave one. Hostile text. */
  rationale: string;
  /** Who scored: `constant`, `rules`, `verdict`, or a model's name. */
  model: string;
  /** The votes, where the model was asked more than once; the reward is the mean of those that have a number. */
  votes: RewardVote[];
  /** The module or prompt that scored, where it is the user's own. */
  by?: Origin | null | undefined;
}

/** Topic `scored`: an accepted sub-trajectory with its reward; what `train` learns from. Key: the trajectory's id. */
export interface Scored {
  /** The step's name. */
  id: string;
  /** What was scored. */
  subTrajectory: SubTrajectory;
  /** The judge's verdict, where there was one. */
  verdict: Verdict | null;
  /** The reward. */
  reward: Reward;
}

/** How likely a step that an update learned from was to the policy. A part of updates; no topic of its own. */
export interface StepLogprobs {
  /** The sub-trajectory's id, such as `q17/2/0`. */
  id: string;
  /** Mean natural logprob of its action's tokens at the weights before the update. */
  before: number;
  /** The same at the weights after it, where `stages.train.stepLogprobs` is `both`. */
  after: number | null;
}

/** OK: a result. REFUSED: the tool would not or could not do it; the text says why. TIMED_OUT: it did not answer in time. NO_TOOL: the action called no tool and gave no answer. */
export type ObservationStatus = 'OK' | 'REFUSED' | 'TIMED_OUT' | 'NO_TOOL';

/** What a tool gave back for an action. */
export interface Observation {
  /** The tool that answered; null when no tool was used, which the text then says. */
  tool: string | null;
  /** How the call ended. */
  status: ObservationStatus;
  /** What the policy is shown. */
  text: string;
  /** The module or MCP server that answered, where the tool is not one of Swirl's. */
  by?: Origin | null | undefined;
}

/** An action and what came back for it. A part of other records; no topic of its own. */
export interface Step {
  /** What the policy wrote. */
  action: Action;
  /** Null for an answer, and for the last action of a trajectory that ran out of steps. */
  observation: Observation | null;
}

/** Topic `sub-trajectories`: the context up to one action, and that action (the step-wise decomposition of SWiRL, arXiv 2504.04736). A trajectory of k actions has exactly k, adjacent and in order. Key: the trajectory's id. */
export interface SubTrajectory {
  /** The step's name, such as `q17/2/0`. */
  id: string;
  /** The trajectory's id, such as `q17/2`. */
  trajectory: string;
  /** Which action this is, from 0. */
  index: number;
  /** k: how many actions the trajectory has. */
  count: number;
  /** The question. */
  question: Question;
  /** The earlier actions with their observations: `index` of them. Context carries no loss. */
  context: Step[];
  /** The action that is judged, scored and trained on. */
  action: Action;
}

/** Topic `tool-calls`: an action that waits for its tool. Carries its turn, so that any worker can take it. Key: the trajectory's id. */
export interface ToolCall {
  /** The step's name, that of the turn. */
  id: string;
  /** The turn in which the action was written. */
  turn: Turn;
  /** The action; its kind is TOOL_CALL. */
  action: Action;
}

/** ANSWERED: the last action is an answer. OUT_OF_STEPS: the task's largest number of steps was reached first. OUT_OF_CONTEXT: the conversation outgrew the policy's context first. */
export type TrajectoryEnd = 'ANSWERED' | 'OUT_OF_STEPS' | 'OUT_OF_CONTEXT';

/** Topic `trajectories`: a finished rollout. Key: the trajectory's id. */
export interface Trajectory {
  /** `QUESTION/ROLLOUT`, such as `q17/2`. */
  id: string;
  /** The question. */
  question: Question;
  /** Every action with its observation, oldest first; at least one. */
  steps: Step[];
  /** Why it ended. */
  end: TrajectoryEnd;
  /** The final answer, when there is one. */
  answer: string | null;
}

/** Topic `turns`: a rollout waiting for the policy's next action. Key: the trajectory's id. */
export interface Turn {
  /** The step's name, `QUESTION/ROLLOUT/STEP`, such as `q17/2/0` for the first action of the third rollout of q17. The action, its sub-trajectory, verdict and reward bear the same name. */
  id: string;
  /** The rollout's name, such as `q17/2`. */
  trajectory: string;
  /** The question. */
  question: Question;
  /** The history: every earlier action with its observation, oldest first. Its length is the step's index. */
  steps: Step[];
}

/** Topic `updates`: one optimizer step of the policy. Key: the run's name. */
export interface Update {
  /** `update/STEP`, such as `update/12`. */
  id: string;
  /** The optimizer's step, from 1. */
  step: number;
  /** Which pass over the scored topic, from 0. */
  epoch: number;
  /** The partition of `scored` that the batch was read from. */
  partition: number;
  /** Offset of the batch's first record in `scored`, inclusive. */
  fromOffset: number;
  /** Offset after the batch's last record in `scored`. */
  toOffset: number;
  /** How many trajectories were in the batch. */
  trajectories: number;
  /** How many sub-trajectories were trained on. */
  subTrajectories: number;
  /** How many were dropped: ids used before, or too long for the policy's context (each of those is in `failures`). */
  dropped: number;
  /** How many tokens carried loss. */
  actionTokens: number;
  /** How many tokens went through the policy, context and padding included. */
  rowTokens: number;
  /** Mean reward of the batch. */
  meanReward: number;
  /** The objective L at the weights before the step. */
  loss: number;
  /** Mean natural logprob of an action token before the step. */
  meanLogprob: number;
  /** Mean per-token KL estimate toward the initial policy; 0 when beta is 0. */
  kl: number;
  /** Mean of pi(token) / recorded probability over the action tokens with recorded logprobs, before the step: 1 where sampler and trainer agree and the weights are those that were sampled from. Null where no token has one. */
  meanRatio: number | null;
  /** The share of those tokens whose ratio `clipRatio` cut; 0 without clipRatio. Null where no token has a recorded logprob. */
  clippedShare: number | null;
  /** Global norm of the gradient before clipping. */
  gradNorm: number;
  /** The step's learning rate. */
  learningRate: number;
  /** Hash of what is trained (all weights, or the adapters) after the step: SHA-256, hexadecimal. */
  weightsHash: string;
  /** The advantage that the step was made with, where it is the user's own. */
  by?: Origin | null | undefined;
  /** The steps that it learned from, in the order of the batch, with their logprobs; null where `stages.train.stepLogprobs` is `none`, and of updates of earlier versions. */
  steps?: StepLogprobs[] | null | undefined;
}

/** Which record each topic holds. */
export interface TopicRecords {
  'accepted': Accepted;
  'failures': Failure;
  'judged': Judged;
  'questions': Question;
  'scored': Scored;
  'sub-trajectories': SubTrajectory;
  'tool-calls': ToolCall;
  'trajectories': Trajectory;
  'turns': Turn;
  'updates': Update;
}

/** The topics by name. */
export type Topic = keyof TopicRecords;
