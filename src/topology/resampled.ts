/** What the stage `resample` brings along where nobody says otherwise: its topic, and `reward` reading from it. */
import { isObject } from './schema-walk.ts';
import { RESAMPLED } from './stage-configs.ts';

const ACCEPTED = 'accepted';

/**
 * A topology as it is written with a topic `resampled`, of as many partitions as `accepted`, and `reward`
 * reading there. `kept`: it is that of a run, in which every default stands: then `reward` goes with `resample`,
 * in and out.
 */
export function withResampled(
  plain: Readonly<Record<string, unknown>>,
  { kept }: { readonly kept: boolean },
): Readonly<Record<string, unknown>> {
  const { stages, source } = plain;
  if (!isObject(stages)) return plain;
  const { resample, reward } = stages;
  const readsFrom = (reads: string) =>
    isObject(reward) ? { ...stages, reward: { ...reward, reads } } : stages;
  const reads = isObject(reward) ? reward.reads : undefined;
  if (!isObject(resample)) {
    const isSource = isObject(source) && source.topic === RESAMPLED;
    return kept && reads === RESAMPLED && !isSource ? { ...plain, stages: readsFrom(ACCEPTED) } : plain;
  }
  if (resample.writes !== undefined && JSON.stringify(resample.writes) !== JSON.stringify([RESAMPLED]))
    return plain;
  const topics = isObject(plain.topics) ? plain.topics : {};
  const { accepted } = topics;
  const partitions = isObject(accepted) ? accepted.partitions : undefined;
  const topic = { record: ACCEPTED, ...(partitions === undefined ? {} : { partitions }) };
  return {
    ...plain,
    topics: { ...topics, [RESAMPLED]: topics[RESAMPLED] ?? topic },
    stages: reads === undefined || (kept && reads === ACCEPTED) ? readsFrom(RESAMPLED) : stages,
  };
}
