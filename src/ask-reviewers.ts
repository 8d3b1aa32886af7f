/**
 * Whether the endpoints of judge and reward model can be used, before the first record: they are needed after
 * hours of rollouts, maybe, and a wrong name should not come to light only then. The policy's is asked by the
 * first record anyway.
 */
import type { Paid } from './agent/paid.ts';
import { sleep } from './clock.ts';
import { EndpointError, SwirlError } from './errors.ts';
import { askOneToken, endpointOf } from './models/ask-one-token.ts';
import { Exhausted, retry } from './runtime/retry.ts';
import type { Topology } from './topology/topology.ts';

/** Longest wait for one token, in milliseconds: who takes longer is there. */
const TIMEOUT_MS = 20_000;

export interface AskReviewersDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The door of its requests: what answered before is there. */
  readonly paid: Paid;
  readonly signal: AbortSignal;
  readonly notify: (message: string) => void;
  /** The stages that run here; all of them where it is not said. */
  readonly only: readonly string[] | undefined;
}

/**
 * Asks each for one token, as often as its stage tries a record. Throws the `EndpointError` of one that
 * refuses whatever it is asked, or where nothing listens; other trouble may pass, and is noted.
 */
export async function askReviewers(
  { stages, judge, reward }: Pick<Topology, 'stages' | 'judge' | 'reward'>,
  { env, paid, signal, notify, only }: AskReviewersDeps,
): Promise<void> {
  const asked = new Set<string>();
  for (const [name, model] of [
    ['judge', judge] as const,
    // The judge gives rewards, too, where that is its kind.
    ['reward', reward.kind === 'judge' ? judge : reward] as const,
  ]) {
    const stage = stages[name];
    const config = endpointOf(model);
    const key = JSON.stringify(config);
    if (stage === undefined || config === null || asked.has(key) || only?.includes(name) === false) continue;
    asked.add(key);
    try {
      const ask = () => askOneToken(config, { env, paid, stage: name, timeoutMs: TIMEOUT_MS, signal });
      await retry(ask, { config: stage.retry, signal, sleep });
    } catch (error) {
      if (signal.aborted) throw error;
      if (error instanceof EndpointError) {
        throw new EndpointError(`${name}: ${error.message}. Nothing was begun`, { cause: error });
      }
      if (!(error instanceof Exhausted) && !(error instanceof SwirlError)) throw error;
      notify(`${name}: its endpoint is not ready (${error.message}); going on`);
    }
  }
}
