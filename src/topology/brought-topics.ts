/** What optional stages bring along where nobody says otherwise: their topics, and `reward` reading after `resample`. */
import { isObject } from './schema-walk.ts';
import { CONTEXTS, RESAMPLED } from './stage-configs.ts';
import type { TopicName } from './topics.ts';

type Plain = Readonly<Record<string, unknown>>;

const ACCEPTED = 'accepted';

/**
 * A topology as it is written, with what its optional stages need. `kept`: it is that of a run, in which every
 * default stands: then `reward` goes with `resample`, in and out.
 */
export function withBroughtTopics(plain: Plain, { kept }: { readonly kept: boolean }): Plain {
  return withContexts(withResampled(plain, kept));
}

/** `reward` reads what `resample` writes. */
function withResampled(plain: Plain, kept: boolean): Plain {
  const { stages, source } = plain;
  if (!isObject(stages)) return plain;
  const { resample, reward } = stages;
  const reads = isObject(reward) ? reward.reads : undefined;
  const reading = (topic: string) =>
    isObject(reward) ? { ...stages, reward: { ...reward, reads: topic } } : stages;
  if (!isObject(resample)) {
    const isSource = isObject(source) && source.topic === RESAMPLED;
    if (!kept || reads !== RESAMPLED || isSource) return plain;
    const { [RESAMPLED]: _, ...topics } = isObject(plain.topics) ? plain.topics : {};
    return { ...plain, topics, stages: reading(ACCEPTED) };
  }
  const isDefault = JSON.stringify(resample.writes ?? [RESAMPLED]) === JSON.stringify([RESAMPLED]);
  if (!isDefault) return plain;
  const follows = reads === undefined || (kept && reads === ACCEPTED);
  return { ...withTopic(plain, RESAMPLED, ACCEPTED), stages: follows ? reading(RESAMPLED) : stages };
}

function withContexts(plain: Plain): Plain {
  const { stages } = plain;
  if (!isObject(stages) || !isObject(stages.branch)) return plain;
  return (stages.branch.reads ?? CONTEXTS) === CONTEXTS
    ? withTopic(plain, CONTEXTS, 'sub-trajectories')
    : plain;
}

/** With a topic of the records of another, and of as many partitions, unless there is one of that name. */
function withTopic(plain: Plain, name: string, record: TopicName): Plain {
  const topics = isObject(plain.topics) ? plain.topics : {};
  const like = topics[record];
  const partitions = isObject(like) ? like.partitions : undefined;
  const topic = { record, ...(partitions === undefined ? {} : { partitions }) };
  return { ...plain, topics: { ...topics, [name]: topics[name] ?? topic } };
}
