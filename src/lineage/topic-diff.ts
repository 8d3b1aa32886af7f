/** A topic of two runs, side by side: the first record that differs. */
import { each, type Found } from './find.ts';
import type { ChainRun } from './run-chain.ts';
import { settingsDiff } from './settings-diff.ts';

export interface TopicDiff {
  readonly topic: string;
  /** How many records each has. */
  readonly a: number;
  readonly b: number;
  /** Which of the two in a partition, and the first fields that differ; null where all are equal. */
  readonly first: { readonly place: string; readonly id: string; readonly fields: readonly string[] } | null;
}

/**
 * Reads both until they differ; where `hear` is given it hears every record, so both are read to the end. Null
 * where neither has any.
 */
export async function sideBySide(
  topic: string,
  a: ChainRun,
  b: ChainRun,
  hear?: (side: 'a' | 'b', found: Found) => void,
): Promise<TopicDiff | null> {
  const [left, right] = [each(a, { topic, key: null }), each(b, { topic, key: null })];
  const counts = { topic, a: countOf(a, topic), b: countOf(b, topic) };
  let first: TopicDiff['first'] = null;
  try {
    for (;;) {
      const [{ value: one = null }, { value: other = null }] = [await left.next(), await right.next()];
      const shown = one ?? other;
      if (shown === null) break;
      if (one !== null) hear?.('a', one);
      if (other !== null) hear?.('b', other);
      first ??= firstOf(one, other);
      if (first !== null && hear === undefined) break;
    }
  } finally {
    await left.return();
    await right.return();
  }
  return counts.a + counts.b === 0 ? null : { ...counts, first };
}

/** What differs in two records that stand at the same place; null where nothing does. */
function firstOf(one: Found | null, other: Found | null): TopicDiff['first'] {
  const shown = one ?? other;
  if (shown === null) return null;
  // What names the run or the time is no part of a record.
  const fields =
    one === null || other === null
      ? []
      : settingsDiff(one.record ?? {}, other.record ?? {}).map(({ path }) => path);
  if (one?.partition === other?.partition && fields.length === 0) return null;
  const { partition, offset, record, key } = shown;
  return { place: `${partition}:${offset}`, id: String(record?.id ?? key), fields };
}

/** How many offsets are taken: on Kafka the marks of transactions are among them. */
export function countOf({ topics }: ChainRun, topic: string): number {
  const offsets = topics.find(({ name }) => name === topic)?.offsets ?? [];
  return offsets.reduce((sum, { start, end }) => sum + end - start, 0);
}
