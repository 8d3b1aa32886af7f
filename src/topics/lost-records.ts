/**
 * Progress and topics that do not fit together. Going on would do work twice, or leave records out in
 * silence: a run stops, and says how to go on.
 */
import { TransportError } from '../errors.ts';

/** The words of a command after `swirl`. Which run it is about is said by whoever prints it. */
export type WayOn = readonly string[];

/** How a run whose progress and topics do not fit together goes on is a command, to be typed. */
export class LostRecordsError extends TransportError {
  readonly #parts: readonly (string | WayOn)[];

  /** `parts`: the message, in which a command is its words. */
  constructor(...parts: readonly (string | WayOn)[]) {
    super(joined(parts, (words) => ['swirl', ...words].join(' ')));
    this.#parts = parts;
  }

  /** The same, with its commands as they are typed where it is printed. */
  typed(command: (words: WayOn) => string): TransportError {
    return new TransportError(joined(this.#parts, command), { cause: this });
  }
}

function joined(parts: readonly (string | WayOn)[], command: (words: WayOn) => string): string {
  return parts.map((part) => (typeof part === 'string' ? part : command(part))).join('');
}

function reset(stage: string, ...words: readonly string[]): WayOn {
  return ['reset', '--stage', stage, ...words];
}

/** A stage's place in its input, in words. */
export interface StagePlace {
  readonly stage: string;
  /** The topic, as its users know it. */
  readonly topic: string;
  readonly partition: number;
}

/** Records that a stage has not read are not there any more. */
export function recordsGone(
  { stage, topic, partition }: StagePlace,
  { next, start }: { readonly next: number; readonly start: number },
): LostRecordsError {
  return new LostRecordsError(
    `${topic}, partition ${partition}: the records ${next} to ${start - 1} were deleted (retention) before the stage ${stage} ` +
      `had read them; the first one that is left is ${start}. To go on without them: `,
    reset(stage, '--partition', `${partition}`, '--to', 'earliest'),
  );
}

/** Progress beyond the end: it belongs to another log. */
export function progressBeyondEnd(
  { stage, topic, partition }: StagePlace,
  { next, end }: { readonly next: number; readonly end: number },
): LostRecordsError {
  return new LostRecordsError(
    `${topic}, partition ${partition}: expected progress of the stage ${stage} from 0 to ${end}, the end, found ${next}. ` +
      `Was the topic deleted and made again? `,
    ...afterRemaking(stage),
  );
}

/** Progress in a topic of the same name that is not there any more. */
export function topicRemade({ stage, topic }: Pick<StagePlace, 'stage' | 'topic'>): LostRecordsError {
  return new LostRecordsError(
    `${topic} was deleted and made again: the progress of the stage ${stage} belongs to the one before, whose records ` +
      'are gone. ',
    ...afterRemaking(stage),
  );
}

/** The input went away under the stage. */
export function topicDeleted({ stage, topic }: Pick<StagePlace, 'stage' | 'topic'>): LostRecordsError {
  return new LostRecordsError(
    `${topic}, which the stage ${stage} reads, was deleted under the run: its records are gone. `,
    ...afterRemaking(stage),
  );
}

/** A stage has written, and nobody remembers how far it was. */
export function progressForgotten(
  { stage, topic }: Pick<StagePlace, 'stage' | 'topic'>,
  wrote: string,
): LostRecordsError {
  return new LostRecordsError(
    `The stage ${stage} has no progress in ${topic}, but ${wrote} has its outputs: the progress was deleted, or forgotten ` +
      `(the brokers' offsets.retention.minutes), and it would do all its work a second time. Where it was done with all: `,
    reset(stage, '--to', 'latest'),
    '; where it had come to an offset: --partition P --to OFFSET, which is checked. Or do it again in a new run: ',
    reset(stage, '--to', 'earliest', '--into', 'NEW'),
  );
}

function afterRemaking(stage: string): (string | WayOn)[] {
  return [
    'To go on with what is there now: ',
    reset(stage, '--to', 'earliest'),
    '. To do work again from records that are left: ',
    ['replay', '--from', 'TOPIC'],
  ];
}
