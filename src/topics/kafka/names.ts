/** How runs, topics and groups are called on a cluster. A dot separates, so no part has one of its own. */
import { ConfigError } from '../../errors.ts';

const PART = /^[A-Za-z0-9_-]{1,100}$/;
const PREFIX = 'swirl.';

/** `swirl.<run>.<topic>`. */
export function topicName(run: string, topic: string): string {
  return `${PREFIX}${checked('run', run)}.${checked('topic', topic)}`;
}

/** The topic's own name in the run, or undefined where it belongs to another run or to nobody we know. */
export function topicOf(run: string, name: string): string | undefined {
  const prefix = `${PREFIX}${run}.`;
  const own = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return PART.test(own) ? own : undefined;
}

export interface GroupPlace {
  readonly run: string;
  readonly group: string;
  readonly topic: string;
  /** The run that the topic belongs to. */
  readonly source: string;
}

/**
 * The consumer group: `swirl.<run>.<group>.<topic>`, and `@<source>` after it where the topic is another
 * run's.
 */
export function groupName({ run, group, topic, source }: GroupPlace): string {
  const own = `${groupPrefix(run)}${checked('group', group)}.${checked('topic', topic)}`;
  return source === run ? own : `${own}@${checked('run', source)}`;
}

/** What the names of all groups of a run begin with. */
export function groupPrefix(run: string): string {
  return `${PREFIX}${checked('run', run)}.`;
}

export function checked(what: string, name: string): string {
  if (PART.test(name)) return name;
  throw new ConfigError(
    `Expected a ${what} name of 1 to 100 letters, digits, dashes and underscores (the dot separates the parts of Kafka's names), found ${JSON.stringify(name)}.`,
  );
}
