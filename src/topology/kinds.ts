/**
 * Every kind of part that a topology can name, by slot. A kind that is added here is checked, documented and
 * made.
 */

import type { Matcher } from '../agent/matcher.ts';
import type { Judge, RewardModel } from '../agent/model.ts';
import type { Tool, ToolContext } from '../agent/tool.ts';
import { localJudge, openaiJudge } from '../judge/model-judge.ts';
import { rulesJudgeKind } from '../judge/rules-judge.ts';
import { standardMatcherKind } from '../judge/standard-matcher.ts';
import { labJudge } from '../lab/judge.ts';
import { LANGUAGE_MODELS, type OnLanguageModel } from '../models/language-models.ts';
import type { ModuleContext } from '../modules/call-module.ts';
import { moduleAdvantage } from '../modules/module-advantage.ts';
import { moduleJudge } from '../modules/module-judge.ts';
import { moduleMatcher } from '../modules/module-matcher.ts';
import { moduleReader } from '../modules/module-reader.ts';
import { moduleReward } from '../modules/module-reward.ts';
import { moduleTool } from '../modules/module-tool.ts';
import { moduleStage } from '../own-stages/module-stage.ts';
import type { OwnPart } from '../own-stages/own-part.ts';
import type { KindOf } from '../parts/kind.ts';
import type { ToolKindOf } from '../parts/tool-kind.ts';
import {
  beerqaReader,
  cofcaReader,
  flashragReader,
  jsonLinesReader,
  musiqueReader,
  questionsReader,
  trlReader,
  twoWikiReader,
  verlReader,
} from '../questions/any-questions.ts';
import { columnsReader } from '../questions/columns.ts';
import { gsm8kReader } from '../questions/gsm8k.ts';
import { hotpotqaReader } from '../questions/hotpotqa.ts';
import type { Reader, ReaderContext } from '../questions/reader.ts';
import { workedSolutionsReader } from '../questions/worked-solutions.ts';
import { constantRewardKind } from '../reward/constant-reward.ts';
import { judgeRewardKind } from '../reward/judge-reward.ts';
import { localReward, openaiReward } from '../reward/model-reward.ts';
import { rulesRewardKind } from '../reward/rules-reward.ts';
import { verdictRewardKind } from '../reward/verdict-reward.ts';
import { calculatorTool } from '../tools/calculator.ts';
import { httpTool } from '../tools/http/http-kind.ts';
import { mcpTool } from '../tools/mcp/mcp-kind.ts';
import { searchTool } from '../tools/search.ts';
import {
  type Advantage,
  centeredAdvantage,
  leaveOneOutAdvantage,
  rewardAdvantage,
} from '../train/advantage.ts';

export const POLICIES = LANGUAGE_MODELS;

/** What tools may be made of. */
export type ToolKindContext = ToolContext & ModuleContext;

/** What policies are told of a tool of one's own kind may be missing. */
export type AnyToolKind = KindOf<ToolKindContext, Tool> &
  Partial<Pick<ToolKindOf<ToolKindContext>, 'describe'>>;

export const TOOLS = [
  calculatorTool,
  searchTool,
  mcpTool,
  httpTool,
  moduleTool,
] as const satisfies readonly AnyToolKind[];

export const STAGE_KINDS = [moduleStage] as const satisfies readonly KindOf<ModuleContext, OwnPart>[];

/** What judges may be made of. */
export interface JudgeContext extends OnLanguageModel, ModuleContext {
  readonly tools: () => Promise<readonly Tool[]>;
}

export const JUDGES = [
  rulesJudgeKind,
  labJudge,
  openaiJudge,
  localJudge,
  moduleJudge,
] as const satisfies readonly KindOf<JudgeContext, Judge>[];

export const MATCHERS = [standardMatcherKind, moduleMatcher] as const satisfies readonly KindOf<
  ModuleContext,
  Matcher
>[];

export const ADVANTAGES = [
  rewardAdvantage,
  centeredAdvantage,
  leaveOneOutAdvantage,
  moduleAdvantage,
] as const satisfies readonly KindOf<ModuleContext, Advantage>[];

export const READERS = [
  questionsReader,
  jsonLinesReader,
  columnsReader,
  gsm8kReader,
  workedSolutionsReader,
  hotpotqaReader,
  musiqueReader,
  twoWikiReader,
  beerqaReader,
  cofcaReader,
  flashragReader,
  trlReader,
  verlReader,
  moduleReader,
] as const satisfies readonly KindOf<ReaderContext & ModuleContext, Reader>[];

/** What reward models may be made of. */
export interface RewardContext extends OnLanguageModel, ModuleContext {
  /** The judge `rules`, whatever the topology's judge is. */
  readonly rules: () => Promise<Judge>;
  /** The topology's judge. */
  readonly judge: () => Promise<Judge>;
}

export const REWARDS = [
  rulesRewardKind,
  verdictRewardKind,
  judgeRewardKind,
  constantRewardKind,
  openaiReward,
  localReward,
  moduleReward,
] as const satisfies readonly KindOf<RewardContext, RewardModel>[];
