/** Which answers of an evaluation match a gold answer, by the topology's matcher. */
import { goldAnswers } from '../agent/gold-answers.ts';
import type { Matcher } from '../agent/matcher.ts';
import { sleep } from '../clock.ts';
import { limitConcurrency } from '../runtime/concurrency.ts';
import { Exhausted, retry, retryConfig } from '../runtime/retry.ts';
import type { Trajectory } from '../topics/records.generated.ts';

/**
 * Whether each trajectory's answer matches; no answer does not. One that could not be compared is left out,
 * and told.
 */
export async function matchesOf(
  trajectories: readonly Trajectory[],
  options: {
    readonly matcher: Matcher;
    readonly signal: AbortSignal;
    readonly notify: (message: string) => void;
  },
): Promise<ReadonlyMap<string, boolean>> {
  const { matcher, signal, notify } = options;
  const acquire = limitConcurrency(matcher.concurrency ?? 1);
  const failed: string[] = [];
  const matched = async ({ id, question, answer }: Trajectory): Promise<[string, boolean][]> => {
    const golds = goldAnswers(question);
    if (golds.length === 0) return [];
    if (answer === null) return [[id, false]];
    const release = await acquire(signal);
    try {
      const asked = { answer, golds, question };
      const matching = async () => matcher.matches(asked, { signal });
      return [[id, await retry(matching, { config: retryConfig.parse({}), signal, sleep })]];
    } catch (error) {
      if (!(error instanceof Exhausted)) throw error;
      failed.push(error.message);
      return [];
    } finally {
      release();
    }
  };
  const found = await Promise.all(trajectories.map(matched));
  if (failed.length > 0) {
    notify(`${failed.length} answers could not be compared and are left out of the accuracy: ${failed[0]}`);
  }
  return new Map(found.flat());
}
