/** One trajectory whole: every action, what came back, what the judge and the reward model said, what was learned. */
import { goldAnswers } from '../agent/gold-answers.ts';
import { outsideThinking, THINKING_MARKS } from '../agent/thinking.ts';
import { sampledAt } from '../topics/record-names.ts';
import type { Action, Judged, Origin, Scored, Trajectory, Update } from '../topics/records.generated.ts';
import type { Topology } from '../topology/topology.ts';
import { type Redact, type ShownText, shownLine, shownText } from './shown-text.ts';
import type { TokenPieces } from './token-pieces.ts';
import { isRight, type TrajectoryList } from './trajectory-list.ts';
import type { Place, WatchedRun } from './watched-run.ts';

/** Steps that are shown. */
const MOST_STEPS = 200;
/** Fresh actions that are shown at a step. */
const MOST_FRESH = 16;
/** Updates that are named at a step. */
const MOST_UPDATES = 20;

export interface ViewDeps {
  readonly run: WatchedRun;
  readonly redact: Redact;
  readonly list: TrajectoryList;
  readonly pieces: TokenPieces;
  readonly updates: () => Promise<readonly { readonly update: Update }[]>;
}

/** By its place in the topic `trajectories`, or by its id. Null where there is none. */
export async function trajectoryView(where: Place | string, deps: ViewDeps) {
  const { run, list } = deps;
  const place = typeof where === 'string' ? placed(list.trajectories.place(where)) : where;
  if (place === null) return null;
  const topic = await run.topic('trajectories');
  const bounds = topic.offsets[place.partition];
  if (bounds === undefined || place.offset < bounds.start || place.offset >= bounds.end) return null;
  const [entry] = await run.entries('trajectories', { ...place, count: 1 });
  const record = entry === undefined ? null : await run.record('trajectories', entry);
  if (entry === undefined || record === null) return null;
  const { id } = record;
  const judged = (await list.judged.records([id])).get(id) ?? [];
  const scored = (await list.scored.records([id])).get(id) ?? [];
  const updates = scored.length === 0 ? [] : await deps.updates();
  const scoredAt = (index: number) => {
    const here = scored.filter(({ record }) => record.subTrajectory.index === index);
    const isRecorded = ({ id: name }: { readonly id: string }) => sampledAt(name) === null;
    const score = here.find(({ record }) => isRecorded(record));
    return { score, fresh: here.filter((one) => one !== score) };
  };
  return {
    place: `${entry.partition}:${entry.offset}`,
    /** Where the one before it is, and the one after it; null where there is none. */
    newer: entry.offset + 1 < bounds.end ? `${entry.partition}:${entry.offset + 1}` : null,
    older: entry.offset > bounds.start ? `${entry.partition}:${entry.offset - 1}` : null,
    time: entry.time,
    ...(await viewOf(record, {
      ...deps,
      topology: run.topology,
      accepted: list.accepted.place(id) !== null,
      saidOf: (index) => {
        const { score, fresh } = scoredAt(index);
        return {
          verdict: judged.find(({ record }) => record.subTrajectory.index === index)?.record.verdict,
          reward: score?.record.reward,
          fresh: fresh.map(({ record }) => record),
          updates: updatesOf(score ?? fresh[0], updates),
        };
      },
    })),
    /** How many verdicts were looked through for those of this trajectory. */
    known: list.judged.progress,
  };
}

/** What became of one step. */
interface SaidOfStep {
  readonly verdict: Judged['verdict'] | undefined;
  readonly reward: Scored['reward'] | undefined;
  /** Actions that were drawn again at its context. */
  readonly fresh?: readonly Scored[];
  readonly updates: readonly Update[];
}

export interface ViewOfDeps {
  readonly topology: Pick<Topology, 'matcher'>;
  readonly redact: Redact;
  readonly pieces: TokenPieces;
  readonly accepted: boolean;
  /** By a step's index. */
  readonly saidOf: (index: number) => SaidOfStep;
}

/** A trajectory, or what there is of one that goes on (`end` is then null), as it may be shown. */
export async function viewOf(
  record: Pick<Trajectory, 'id' | 'question' | 'steps'> & {
    readonly end: Trajectory['end'] | null;
    readonly answer: string | null;
  },
  { topology, accepted, ...deps }: ViewOfDeps,
) {
  const { id, question, end, answer, steps } = record;
  const { redact } = deps;
  return {
    ...{ id, end, of: steps.length },
    task: shownLine(question.task, redact),
    question: shownText(question.text, redact),
    gold: goldAnswers(question).map((gold) => shownLine(gold, redact, 500)),
    source: question.source === null ? null : shownLine(question.source, redact),
    answer: answer === null ? null : shownText(answer, redact),
    right: end === null ? null : isRight(record, topology),
    accepted,
    steps: await stepsOf(record, deps),
  };
}

/** As `viewOf` makes it. */
export type TrajectoryView = Awaited<ReturnType<typeof viewOf>>;

function placed(range: { readonly partition: number; readonly first: number } | null): Place | null {
  return range === null ? null : { partition: range.partition, offset: range.first };
}

type StepDeps = Omit<ViewOfDeps, 'topology' | 'accepted'>;

async function stepsOf({ id: record, steps }: Pick<Trajectory, 'id' | 'steps'>, deps: StepDeps) {
  const { redact, saidOf } = deps;
  const shown = [];
  for (const [index, { action, observation }] of steps.slice(0, MOST_STEPS).entries()) {
    const { verdict, reward, fresh = [], updates } = saidOf(index);
    shown.push({
      index,
      action: await actionOf(action, deps),
      observation: observation && {
        tool: observation.tool === null ? null : shownLine(observation.tool, redact),
        status: observation.status,
        text: shownText(observation.text, redact),
        by: byOf(observation.by, redact),
      },
      verdict: verdict && {
        label: verdict.label,
        rationale: shownText(verdict.rationale, redact),
        judge: shownLine(verdict.judge, redact),
        votes: verdict.votes.slice(0, 50).map(({ label, rationale }) => ({
          label,
          rationale: shownText(rationale, redact, 2000),
        })),
        by: byOf(verdict.by, redact),
      },
      reward: reward && {
        value: reward.value,
        rationale: shownText(reward.rationale, redact),
        model: shownLine(reward.model, redact),
        by: byOf(reward.by, redact),
      },
      fresh: fresh.slice(0, MOST_FRESH).map((one) => ({
        text: shownText(one.subTrajectory.action.text, redact, 2000),
        reward: one.reward.value,
      })),
      updates: updates
        .slice(0, MOST_UPDATES)
        .map(({ step, epoch, meanReward, meanLogprob, meanRatio, steps: own }) => {
          const { before = null, after = null } = own?.find((one) => one.id === `${record}/${index}`) ?? {};
          return { step, epoch, meanReward, meanLogprob, meanRatio, before, after };
        }),
    });
  }
  return shown;
}

async function actionOf(action: Action, { redact, pieces }: StepDeps) {
  const { kind, tool, content, text, reasoning, truncated, policy, tokens, logprobs, temperature } = action;
  return {
    ...{ kind, truncated, temperature, policy: shownLine(policy, redact) },
    tool: tool === null ? null : shownLine(tool, redact),
    content: content === null ? null : shownText(content, redact),
    parts: partsOf(text, redact),
    reasoning: reasoning === null ? null : shownText(reasoning, redact),
    tokens: await tokensOf({ tokens, logprobs, redact, pieces }),
    logprob:
      logprobs === null || logprobs.length === 0
        ? null
        : logprobs.reduce((a, b) => a + b, 0) / logprobs.length,
  };
}

/** Thinking and what is said outside it. */
function partsOf(text: string, redact: Redact): (ShownText & { readonly thinking: boolean })[] {
  const shown = shownText(text, redact);
  const { spans } = outsideThinking(shown.text, THINKING_MARKS);
  const parts: { text: string; thinking: boolean; of?: number }[] = [];
  let at = 0;
  for (const { start, end } of spans) {
    if (start > at) parts.push({ text: shown.text.slice(at, start), thinking: true });
    parts.push({ text: shown.text.slice(start, end), thinking: false });
    at = end;
  }
  if (at < shown.text.length) parts.push({ text: shown.text.slice(at), thinking: true });
  const last = parts.at(-1);
  if (shown.of !== undefined && last !== undefined) last.of = shown.of;
  return parts;
}

interface TokensOf extends Pick<Action, 'tokens' | 'logprobs'> {
  readonly redact: Redact;
  readonly pieces: TokenPieces;
}

/** Each token's text, or its id in angle brackets where it is not known, with its logprob. */
async function tokensOf({ tokens, logprobs, redact, pieces }: TokensOf) {
  if (tokens === null) return null;
  const texts = await pieces.of(tokens);
  // Part by part no secret would be found.
  const isShown = texts !== null && redact(texts.join('')) === texts.join('');
  return tokens.slice(0, texts?.length ?? 4000).map((token, i) => ({
    text: isShown ? shownText(texts[i] || `⟨${token}⟩`, (text) => text, 200).text : `⟨${token}⟩`,
    logprob: rounded(logprobs?.[i]),
  }));
}

function byOf(by: Origin | null | undefined, redact: Redact): string | null {
  return by ? shownLine(`${by.module} ${by.export}`, redact) : null;
}

/** The updates whose batch held a record of `scored`; more than one where there are epochs. */
function updatesOf(at: Place | undefined, updates: readonly { readonly update: Update }[]): Update[] {
  if (at === undefined) return [];
  const { partition, offset } = at;
  return updates
    .map(({ update }) => update)
    .filter((one) => one.partition === partition && one.fromOffset <= offset && offset < one.toOffset);
}

/** To as many digits as a page shows. */
function rounded(logprob: number | undefined): number | null {
  return logprob === undefined ? null : Number(logprob.toPrecision(4));
}
