/**
 * Requests that cost something: answers of models behind endpoints, embeddings, calls of other people's tools.
 * All go through one door, which knows what was answered before, counts, and keeps to the run's budget.
 */

/** What an endpoint says that a request took; what it does not say is 0. */
export interface Usage {
  /** Tokens of the prompt, cached ones included. */
  readonly input: number;
  /** Of `input`, those that the endpoint had in a cache of its own. */
  readonly cachedInput: number;
  /** Tokens that were written, those of thinking included. */
  readonly output: number;
  /** Of `output`, those of thinking. */
  readonly reasoning: number;
}

export interface PaidRequest {
  /** For what it is asked: `rollout`, `judge`, `tools` and so on. */
  readonly stage: string;
  /** What is asked, as `prices` has it: a model's name, or a tool's. */
  readonly model: string;
  readonly kind: 'model' | 'tool';
  /**
   * All that decides the answer, as JSON, and no secret: address, model, messages, settings, seed, schemas; for a
   * sampled answer also which sample it is. Requests with one key have one answer. Null: the answer is not kept.
   */
  readonly key: object | null;
}

interface PaidAnswer<T> {
  readonly value: T;
  /** Whether it is worth keeping: what could not be used is not. */
  readonly keep: boolean;
}

export interface Asking<T> {
  /** Sends the request. Returns the answer as text, which is what is kept. */
  readonly send: () => Promise<string>;
  /** Makes of the text what was asked for. Throws where it is none: then it is not kept. */
  readonly read: (text: string) => Promise<PaidAnswer<T>>;
  /** What the text says that it took; null where it says nothing. */
  readonly usage?: (text: string) => Usage | null;
}

/** The door that paid requests go through. */
export interface Paid {
  /**
   * The answer, from where answers are kept or else by `send`. Throws what `send` and `read` throw, and
   * `OutOfBudget` where the budget allows no further request: nothing was sent then.
   */
  ask<T>(request: PaidRequest, asking: Asking<T>): Promise<T>;
}

/** The door of those who neither keep nor count. */
export const UNCOUNTED: Paid = {
  ask: async (_, { send, read }) => (await read(await send())).value,
};
