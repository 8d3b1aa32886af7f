/** The type of a topic's records, where the topic may be one of Swirl's own or one that a topology adds. */
import type { Topic, TopicRecords } from './records.generated.ts';

/**
 * A record of one of Swirl's topics by its type; of any other topic an object whose shape its schema says.
 */
export type RecordOf<K extends string> = K extends Topic ? TopicRecords[K] : object;
