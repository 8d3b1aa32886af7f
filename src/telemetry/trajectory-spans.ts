/**
 * Spans of trajectories as records are committed, in OpenTelemetry's conventions for generative AI
 * (https://opentelemetry.io/docs/specs/semconv/gen-ai/): `invoke_agent` for the trajectory; below it `chat` for
 * each action, `execute_tool` for each call, and the judge's and the reward model's view of a step.
 *
 * Ids are hashes of the run and the records, so what is done again after a crash is the same span.
 */
import { createHash } from 'node:crypto';
import type { CommittedRecord } from '../runtime/observer.ts';
import type { Action, Judged, Scored, ToolCall, Trajectory, Turn } from '../topics/records.generated.ts';

/** A span; times in milliseconds on the run's clock. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  /** As OTLP numbers them. */
  readonly kind: (typeof KIND)[keyof typeof KIND];
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** What failed; null where nothing did. */
  readonly error: string | null;
}

const KIND = { internal: 1, client: 3 } as const;

/** Trajectories that go on whose beginning is known. */
const MOST_OPEN = 100_000;
const TEXT_CHARS = 8_000;

export interface TrajectorySpansOptions {
  readonly run: string;
  /** The share of the trajectories that are traced, by their ids. */
  readonly share: number;
  /** Makes text fit to be sent; null: none is. */
  readonly content: ((text: string) => string) | null;
}

/** What one record is, of a trajectory. */
interface Found extends Pick<Span, 'name' | 'kind'> {
  readonly trajectory: string;
  readonly id: string;
  readonly attributes: Attributes;
}

type Attributes = Record<string, string | number | boolean>;

export class TrajectorySpans {
  readonly #options: TrajectorySpansOptions;
  readonly #begun = new Map<string, number>();

  constructor(options: TrajectorySpansOptions) {
    this.#options = options;
  }

  /** The spans that end with a record. */
  of(committed: CommittedRecord): Span[] {
    const { value, outputs, stage } = committed;
    if (value === undefined) return [];
    const failed = outputs.find(({ topic }) => topic === 'failures')?.value as
      | { readonly error?: string; readonly message?: string }
      | undefined;
    const error = failed === undefined ? null : `${failed.error ?? 'DataError'}: ${failed.message ?? ''}`;
    const found = this.#find(committed, error);
    if (found === null) return [];
    const { trajectory, id, name, kind, attributes } = found;
    if (!this.#isTraced(trajectory)) return [];
    const { startedMs, finishedMs } = committed;
    if (!this.#begun.has(trajectory) && this.#begun.size < MOST_OPEN) this.#begun.set(trajectory, startedMs);
    const base = { traceId: this.#id('trajectory', trajectory, 32), startMs: startedMs, endMs: finishedMs };
    const root = this.#id('agent', trajectory, 16);
    const span: Span = {
      ...base,
      spanId: this.#id(stage, id, 16),
      parentSpanId: root,
      ...{ name, kind, error },
      attributes: { ...attributes, 'gen_ai.conversation.id': trajectory, 'swirl.stage': stage },
    };
    const [done] = outputs.filter(({ topic }) => topic === 'trajectories');
    if (done === undefined) return [span];
    const startMs = this.#begun.get(trajectory) ?? startedMs;
    this.#begun.delete(trajectory);
    return [span, { ...base, startMs, spanId: root, ...this.#whole(done.value as unknown as Trajectory) }];
  }

  #find({ value, outputs }: CommittedRecord, error: string | null): Found | null {
    const at = value as Partial<Turn & ToolCall & Judged & Scored>;
    const output = <T>(topic: string) => outputs.find((one) => one.topic === topic)?.value as T | undefined;
    if (at.turn !== undefined && at.action !== undefined)
      return this.#tool(value as ToolCall, output<Turn>('turns'));
    if (typeof at.trajectory === 'string' && Array.isArray(at.steps)) {
      const wrote = output<Trajectory>('trajectories') ?? output<Turn>('turns');
      const action = output<ToolCall>('tool-calls')?.action ?? wrote?.steps.at(-1)?.action;
      return action === undefined && error === null ? null : this.#chat(value as Turn, action);
    }
    const judged = output<Judged>('judged');
    if (judged !== undefined) return this.#judge(judged);
    const scored = output<Scored>('scored');
    return scored === undefined ? null : this.#reward(scored);
  }

  #chat({ id, trajectory, question }: Turn, action: Action | undefined): Found {
    const attributes: Attributes = {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'swirl',
      'gen_ai.request.model': action?.policy ?? 'unknown',
      'swirl.question.id': question.id,
      'swirl.step.id': id,
    };
    if (action === undefined) return { id, trajectory, name: 'chat', kind: KIND.client, attributes };
    attributes['swirl.action.kind'] = action.kind;
    if (action.temperature !== null) attributes['gen_ai.request.temperature'] = action.temperature;
    if (action.tokens !== null) attributes['gen_ai.usage.output_tokens'] = action.tokens.length;
    if (action.truncated) attributes['swirl.action.truncated'] = true;
    this.#text(attributes, 'gen_ai.output.messages', action.text, 'assistant');
    return { id, trajectory, name: `chat ${action.policy}`, kind: KIND.client, attributes };
  }

  #tool({ id, turn, action }: ToolCall, next: Turn | undefined): Found {
    const observation = next?.steps.at(-1)?.observation ?? null;
    const tool = action.tool ?? 'none';
    const attributes: Attributes = {
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': tool,
      'gen_ai.tool.call.id': id,
      'swirl.step.id': id,
    };
    if (observation !== null) attributes['swirl.observation.status'] = observation.status;
    this.#text(attributes, 'gen_ai.tool.call.arguments', action.content);
    this.#text(attributes, 'gen_ai.tool.call.result', observation?.text ?? null);
    return { id, trajectory: turn.trajectory, name: `execute_tool ${tool}`, kind: KIND.internal, attributes };
  }

  #judge({ id, subTrajectory: { trajectory }, verdict }: Judged): Found {
    const attributes: Attributes = {
      'gen_ai.evaluation.name': 'process',
      'gen_ai.evaluation.score.label': verdict.label,
      'swirl.judge': verdict.judge,
      'swirl.step.id': id,
    };
    this.#text(attributes, 'gen_ai.evaluation.explanation', verdict.rationale);
    return { id, trajectory, name: `judge ${verdict.judge}`, kind: KIND.internal, attributes };
  }

  #reward({ id, subTrajectory: { trajectory }, reward }: Scored): Found {
    const attributes: Attributes = {
      'gen_ai.evaluation.name': 'reward',
      'gen_ai.evaluation.score.value': reward.value,
      'swirl.reward.model': reward.model,
      'swirl.step.id': id,
    };
    this.#text(attributes, 'gen_ai.evaluation.explanation', reward.rationale);
    return { id, trajectory, name: `reward ${reward.model}`, kind: KIND.internal, attributes };
  }

  /** The span of the trajectory itself. */
  #whole({ id, question, steps, end, answer }: Trajectory) {
    const { run } = this.#options;
    const attributes: Attributes = {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.provider.name': 'swirl',
      'gen_ai.agent.name': run,
      'gen_ai.conversation.id': id,
      'swirl.question.id': question.id,
      'swirl.task': question.task,
      'swirl.trajectory.end': end,
      'swirl.trajectory.steps': steps.length,
    };
    this.#text(attributes, 'gen_ai.input.messages', question.text, 'user');
    this.#text(attributes, 'gen_ai.output.messages', answer, 'assistant');
    return { name: `invoke_agent ${run}`, kind: KIND.internal, parentSpanId: '', attributes, error: null };
  }

  /** Adds a text where texts are sent: as a message of a role, or as it is. */
  #text(attributes: Attributes, name: string, text: string | null, role?: string): void {
    const { content } = this.#options;
    if (content === null || text === null) return;
    const shown = content(text.slice(0, 2 * TEXT_CHARS)).slice(0, TEXT_CHARS);
    attributes[name] =
      role === undefined ? shown : JSON.stringify([{ role, parts: [{ type: 'text', content: shown }] }]);
  }

  #isTraced(trajectory: string): boolean {
    const { share } = this.#options;
    if (share >= 1) return true;
    return Number.parseInt(this.#id('share', trajectory, 8), 16) / 2 ** 32 < share;
  }

  #id(kind: string, id: string, digits: number): string {
    const { run } = this.#options;
    return createHash('sha256')
      .update(JSON.stringify([run, kind, id]))
      .digest('hex')
      .slice(0, digits);
  }
}
