/** Asks judges for verdicts on labelled steps, as the stage does: with its retries, and never BAD for a failure. */
import type { Judge } from '../agent/model.ts';
import { sleep } from '../clock.ts';
import { Exhausted, type RetryConfig, retry } from '../runtime/retry.ts';
import type { SubTrajectory, VerdictLabel } from '../topics/records.generated.ts';
import type { JudgedStep } from './calibration.ts';
import type { LabelledStep } from './labelled-steps.ts';

export interface JudgingOptions {
  readonly judge: Judge;
  readonly second: Judge | null;
  readonly retry: RetryConfig;
  /** How many steps are judged at once. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  /** Hears of each step without a verdict, why. */
  readonly onFailure: (reason: string) => void;
  readonly onProgress: (done: number) => void;
}

/** The steps with their verdicts, in their order. */
export async function judgeSteps(
  steps: readonly LabelledStep[],
  { judge, second, concurrency, onProgress, ...asking }: JudgingOptions,
): Promise<JudgedStep[]> {
  const judged: JudgedStep[] = new Array(steps.length);
  let [next, done] = [0, 0];
  const work = async () => {
    for (let at = next++; at < steps.length; at = next++) {
      const { step, label, kind } = steps[at] as LabelledStep;
      const verdict = await verdictOf(judge, step, asking);
      const other = second === null ? {} : { second: await verdictOf(second, step, asking) };
      judged[at] = { kind, label, verdict, ...other };
      onProgress(++done);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, steps.length) }, work));
  return judged;
}

async function verdictOf(
  judge: Judge,
  step: SubTrajectory,
  { retry: config, signal, onFailure }: Pick<JudgingOptions, 'retry' | 'signal' | 'onFailure'>,
): Promise<VerdictLabel> {
  try {
    const { label } = await retry(() => judge.judge(step, { signal }), { config, signal, sleep });
    return label;
  } catch (error) {
    if (!(error instanceof Exhausted)) throw error;
    onFailure(`${judge.name}: ${error.message}`);
    return 'UNKNOWN';
  }
}
