/** The stage `judge`: every sub-trajectory gets a verdict. */
import type { Judge } from '../agent/model.ts';
import type { Sleep } from '../clock.ts';
import { perRecord } from '../runtime/per-record.ts';
import type { Exhausted, RetryConfig } from '../runtime/retry.ts';
import type { Emission, StageOperator } from '../runtime/stage.ts';
import type { SubTrajectory, Verdict } from '../topics/records.generated.ts';
import type { RecordedVerdicts } from './recorded-verdicts.ts';

export interface JudgeDeps {
  readonly judge: Judge;
  /** Verdicts that are taken as they were recorded; without, the judge is asked for all. */
  readonly recorded?: Pick<RecordedVerdicts, 'keptFor'> | undefined;
  readonly retry: RetryConfig;
  readonly sleep: Sleep;
}

/**
 * A judge that could not be reached or understood gives UNKNOWN, and a failure record says why; never BAD.
 */
export function judge({ judge, recorded, retry, sleep }: JudgeDeps): StageOperator<SubTrajectory> {
  const judged = (subTrajectory: SubTrajectory, verdict: Verdict): Emission => {
    const { id, trajectory } = subTrajectory;
    return { topic: 'judged', key: trajectory, value: { id, subTrajectory, verdict } };
  };
  const giveUp = (subTrajectory: SubTrajectory, { error, attempts }: Exhausted): Emission[] => {
    const rationale = `No verdict after ${attempts} attempts: ${error.message}`;
    return [judged(subTrajectory, { label: 'UNKNOWN', rationale, judge: judge.name, votes: [] })];
  };
  const verdictOn = async (value: SubTrajectory, signal: AbortSignal): Promise<Emission[]> => {
    const kept = await recorded?.keptFor(value);
    if (kept) return [{ topic: 'judged', key: value.trajectory, value: kept }];
    return [judged(value, await judge.judge(value, { signal }))];
  };
  return perRecord(verdictOn, { stage: 'judge', retry, sleep, giveUp });
}
