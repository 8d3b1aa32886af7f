/**
 * What samplers share, whatever they run on: requests that wait, a fixed number of slots that are refilled as
 * samples finish, what each step feeds, and the drawing of a token.
 */
import { ModelError } from '../../errors.ts';
import { uniform } from '../../random.ts';
import type { DecoderConfig } from '../config.ts';
import type { Sample, SampleRequest, SamplerOptions, SamplerStatistics } from '../engine.ts';
import { checkTokens } from '../rows.ts';
import { type CacheCopy, CacheSlots, commonTokens, type Held } from './cache-slots.ts';
import { type Choice, choose } from './choose.ts';
import { type SamplerLimits, samplerLimits } from './sampler-limits.ts';

interface Job {
  readonly request: SampleRequest;
  readonly resolve: (sample: Sample) => void;
  readonly reject: (reason: unknown) => void;
  readonly sample: Sample;
}

/** A sample under way, in its slot, on the weights as they were when it started. */
export interface ActiveSample<Version> extends Job {
  readonly slot: number;
  readonly version: Version;
  /** How many of its tokens, prompt and sample, are in the cache or fed by the step under way. */
  readonly fed: number;
  /** Whether a step has fed it anything. */
  readonly begun: boolean;
}

/** What one step feeds to one slot. */
export interface Feed<Version> {
  readonly job: ActiveSample<Version>;
  /** Position of the first token. */
  readonly position: number;
  /** At least one. */
  readonly tokens: readonly number[];
  /** Whether they reach the end of what is known, so that the last one's logits give the next token. */
  readonly draws: boolean;
}

/** What a step does: first the copies, in order, then the feeds. At least one feed. */
export interface Step<Version> {
  readonly copies: readonly CacheCopy[];
  readonly feeds: readonly Feed<Version>[];
}

type Started<Version> = { -readonly [Key in keyof ActiveSample<Version>]: ActiveSample<Version>[Key] };

export class SampleSlots<Version> {
  readonly limits: SamplerLimits;
  /** The samples under way, in the order in which they started. */
  #active: Started<Version>[] = [];
  readonly #config: DecoderConfig;
  readonly #version: () => Version;
  readonly #cache: CacheSlots<Version>;
  readonly #waiting: Job[] = [];
  /** (V) What draws work on. */
  #masses: Float64Array<ArrayBuffer> | undefined;
  #statistics = { steps: 0, promptTokens: 0, reusedTokens: 0, copiedTokens: 0, sampledTokens: 0 };

  /** `version` names the weights as they are now: what was computed with others is not used again. */
  constructor(config: DecoderConfig, options: SamplerOptions, version: () => Version) {
    this.#config = config;
    this.#version = version;
    this.limits = samplerLimits(config, options);
    this.#cache = new CacheSlots(config, this.limits);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get active(): number {
    return this.#active.length;
  }

  get statistics(): SamplerStatistics {
    return { ...this.#statistics };
  }

  /** Takes a request; `entered` is told when it waits. Throws what is wrong with it. */
  enter(request: SampleRequest, entered: () => void): Promise<Sample> {
    const { prompt, signal } = request;
    const { maxLength } = this.limits;
    if (prompt.length === 0) throw new RangeError('expected a prompt of at least one token');
    if (prompt.length >= maxLength) {
      throw new ModelError(`expected a context shorter than ${maxLength} tokens, found ${prompt.length}`);
    }
    checkTokens(prompt, this.#config);
    signal?.throwIfAborted();
    return new Promise<Sample>((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject, sample: { tokens: [], logprobs: [] } });
      entered();
    });
  }

  /** Puts waiting requests into free slots. */
  fill(): void {
    const starting = this.#waiting.splice(0, this.#cache.free);
    if (starting.length === 0) return;
    const version = this.#version();
    const slots = this.#cache.take(
      starting.map(({ request }) => request.prompt),
      version,
    );
    for (const [index, job] of starting.entries()) {
      const { slot, reused } = slots[index];
      this.#active.push({ ...job, slot, version, fed: reused, begun: false });
      this.#statistics.promptTokens += job.request.prompt.length;
      this.#statistics.reusedTokens += reused;
    }
  }

  /**
   * What the next step does: of prompts that another slot holds in part, or is about to, that part is copied from
   * there; and what is left is fed.
   */
  step(): Step<Version> {
    const copies: CacheCopy[] = [];
    const waits = new Set<ActiveSample<Version>>();
    for (const job of this.#active) {
      if (job.begun) continue;
      if (this.#waits(job)) waits.add(job);
      else copies.push(...this.#copied(job));
    }
    return { copies, feeds: this.#feeds(waits) };
  }

  /**
   * Whether one that came before is being fed what this prompt begins with: soon it can be copied. The first never
   * waits.
   */
  #waits(job: ActiveSample<Version>): boolean {
    for (const other of this.#active) {
      if (other === job) return false;
      const { slot, version, request, fed } = other;
      if (version !== job.version || fed >= request.prompt.length) continue;
      const common = commonTokens(request.prompt, job.request.prompt);
      if (common > fed && this.#cache.isWorthWaiting(slot, { common, reused: job.fed })) return true;
    }
    return false;
  }

  /** The copy for a sample that begins, which then holds so much more of its prompt; none where none helps. */
  #copied(job: Started<Version>): CacheCopy[] {
    const { slot, fed: reused, version, request } = job;
    const inUse: Held[] = [];
    for (const other of this.#active) {
      if (other === job || other.version !== version) continue;
      const { slot, fed, request: holds, sample } = other;
      const common = Math.min(fed, commonTokens(holds.prompt, request.prompt, sample.tokens));
      if (common > reused) inUse.push({ slot, fed, common });
    }
    const copy = this.#cache.copyFor({ slot, reused }, { prompt: request.prompt, version, inUse });
    if (!copy) return [];
    job.fed = copy.count;
    this.#statistics.copiedTokens += copy.count - reused;
    return [copy];
  }

  /**
   * To each sample that is beyond its prompt the token drawn last, and to the others, first come first served, a
   * chunk of their prompts, as long as the step has room.
   */
  #feeds(waits: ReadonlySet<ActiveSample<Version>>): Feed<Version>[] {
    const { chunk, stepTokens } = this.limits;
    const left = ({ request, sample, fed }: ActiveSample<Version>) =>
      request.prompt.length + sample.tokens.length - fed;
    let room = stepTokens - this.#active.filter(({ sample }) => sample.tokens.length > 0).length;
    const feeds: Feed<Version>[] = [];
    for (const job of this.#active) {
      const { request, sample, fed: position } = job;
      if (sample.tokens.length > 0) {
        feeds.push({ job, position, tokens: sample.tokens.slice(-1), draws: true });
        job.fed += 1;
        continue;
      }
      const count = Math.min(left(job), chunk, room);
      if (count === 0 || waits.has(job)) continue;
      job.begun = true;
      room -= count;
      job.fed += count;
      const tokens = request.prompt.slice(position, job.fed);
      feeds.push({ job, position, tokens, draws: left(job) === 0 });
    }
    this.#statistics.steps += 1;
    return feeds;
  }

  /** Draws a sample's next token. */
  draw(job: ActiveSample<Version>, logits: Float32Array | Float64Array): void {
    this.#masses ??= new Float64Array(this.#config.vocabSize);
    const { request, sample } = job;
    // For the i-th token the seed's i-th number.
    const u = uniform(request.seed, sample.tokens.length);
    this.take(job, choose(logits, request, u, this.#masses));
  }

  /** Appends a sample's next token. */
  take({ sample }: ActiveSample<Version>, { token, logprob }: Choice): void {
    sample.tokens.push(token);
    sample.logprobs.push(logprob);
    this.#statistics.sampledTokens += 1;
  }

  /** Resolves the samples that the step ended, and frees their slots. */
  settle(): void {
    const { maxLength } = this.limits;
    const ended = ({ request, sample: { tokens } }: ActiveSample<Version>) =>
      tokens.length > 0 &&
      (request.stopTokens.includes(tokens[tokens.length - 1]) ||
        request.stop?.(tokens) ||
        tokens.length >= request.maxTokens ||
        request.prompt.length + tokens.length >= maxLength);
    for (const { resolve, sample } of this.#leave(ended)) resolve(sample);
  }

  /** Rejects the requests whose signal has aborted, waiting or under way; not while a step is. */
  dropAborted(): void {
    const aborted = ({ request }: Job) => request.signal?.aborted === true;
    const waiting = this.#waiting.splice(0);
    this.#waiting.push(...waiting.filter((job) => !aborted(job)));
    for (const { request, reject } of [...waiting.filter(aborted), ...this.#leave(aborted)]) {
      reject(request.signal?.reason);
    }
  }

  /** Rejects all requests. What a step that failed left in the cache is not used again. */
  failAll(reason: unknown): void {
    const active = this.#active.splice(0);
    for (const { slot } of active) this.#cache.discard(slot);
    for (const { reject } of [...this.#waiting.splice(0), ...active]) reject(reason);
  }

  /** Takes samples out of their slots. */
  #leave(leaves: (job: ActiveSample<Version>) => boolean): ActiveSample<Version>[] {
    const left = this.#active.filter(leaves);
    if (left.length > 0) this.#active = this.#active.filter((job) => !left.includes(job));
    for (const { slot, request, sample, fed, version } of left) {
      this.#cache.leave(slot, [...request.prompt, ...sample.tokens].slice(0, fed), version);
    }
    return left;
  }
}
