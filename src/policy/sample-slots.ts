/**
 * What samplers share, whatever they run on: requests that wait, a fixed number of slots that are refilled as samples finish,
 * and the drawing of a token.
 */
import { ModelError } from '../errors.ts';
import { choose } from './choose.ts';
import type { DecoderConfig } from './config.ts';
import type { Sample, SampleRequest } from './engine.ts';
import { uniform } from './random.ts';
import { checkTokens } from './rows.ts';

interface Job {
  readonly request: SampleRequest;
  readonly resolve: (sample: Sample) => void;
  readonly reject: (reason: unknown) => void;
  readonly sample: Sample;
}

/** A sample under way, in its slot, with what its sampler keeps of it. */
export interface ActiveSample<State> extends Job {
  readonly slot: number;
  readonly state: State;
}

export class SampleSlots<State> {
  /** Context plus completion, in tokens, at most. */
  readonly maxLength: number;
  /** The samples under way, in the order in which they started. */
  active: ActiveSample<State>[] = [];
  readonly #config: DecoderConfig;
  readonly #begin: () => State;
  readonly #free: number[];
  readonly #waiting: Job[] = [];

  /** `begin` makes the state of a sample that starts. */
  constructor(
    config: DecoderConfig,
    options: { readonly slots: number; readonly maxLength: number },
    begin: () => State,
  ) {
    this.#config = config;
    this.#begin = begin;
    this.maxLength = Math.min(options.maxLength, config.maxPositions);
    this.#free = Array.from({ length: options.slots }, (_, slot) => slot);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Takes a request; `entered` is told when it waits. Throws what is wrong with it. */
  enter(request: SampleRequest, entered: () => void): Promise<Sample> {
    const { prompt, signal } = request;
    if (prompt.length === 0) throw new RangeError('expected a prompt of at least one token');
    if (prompt.length >= this.maxLength) {
      throw new ModelError(
        `expected a context shorter than ${this.maxLength} tokens, found ${prompt.length}`,
      );
    }
    checkTokens(prompt, this.#config);
    signal?.throwIfAborted();
    return new Promise<Sample>((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject, sample: { tokens: [], logprobs: [] } });
      entered();
    });
  }

  /** Puts waiting requests into free slots. Returns those that start. */
  fill(): ActiveSample<State>[] {
    const started: ActiveSample<State>[] = [];
    while (this.#waiting.length > 0 && this.#free.length > 0) {
      const job = this.#waiting.shift() as Job;
      started.push({ ...job, slot: this.#free.shift() as number, state: this.#begin() });
    }
    this.active.push(...started);
    return started;
  }

  /** Draws a sample's next token: the i-th one uses the seed's i-th random number. */
  draw({ request, sample }: ActiveSample<State>, logits: Float32Array | Float64Array): void {
    const { token, logprob } = choose(logits, request, uniform(request.seed, sample.tokens.length));
    sample.tokens.push(token);
    sample.logprobs.push(logprob);
  }

  /** Resolves the samples that ended with a stop token or at a limit, and frees their slots. */
  settle(): void {
    const ended = ({ request, sample: { tokens } }: ActiveSample<State>) =>
      request.stopTokens.includes(tokens.at(-1) ?? -1) ||
      tokens.length >= request.maxTokens ||
      request.prompt.length + tokens.length >= this.maxLength;
    for (const { resolve, sample } of this.#leave(ended)) resolve(sample);
  }

  /** Rejects the requests whose signal has aborted, waiting or under way. */
  dropAborted(): void {
    const aborted = ({ request }: Job) => request.signal?.aborted === true;
    const waiting = this.#waiting.splice(0);
    this.#waiting.push(...waiting.filter((job) => !aborted(job)));
    for (const { request, reject } of [...waiting.filter(aborted), ...this.#leave(aborted)]) {
      reject(request.signal?.reason);
    }
  }

  failAll(reason: unknown): void {
    for (const { reject } of [...this.#waiting.splice(0), ...this.#leave(() => true)]) reject(reason);
  }

  /** Takes samples out of their slots. */
  #leave(leaves: (job: ActiveSample<State>) => boolean): ActiveSample<State>[] {
    const left = this.active.filter(leaves);
    this.active = this.active.filter((job) => !leaves(job));
    this.#free.push(...left.map(({ slot }) => slot));
    return left;
  }
}
