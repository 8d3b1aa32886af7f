/**
 * Progress and topics that do not fit together. Going on would do work twice, or leave records out in
 * silence: a run stops, and says how to go on.
 */
import { TransportError } from '../errors.ts';

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
): TransportError {
  return new TransportError(
    `${topic}, partition ${partition}: the records ${next} to ${start - 1} were deleted (retention) before the stage ${stage} ` +
      `had read them; the first one that is left is ${start}. To go on without them: ` +
      `swirl reset --stage ${stage} --partition ${partition} --to earliest`,
  );
}

/** Progress beyond the end: it belongs to another log. */
export function progressBeyondEnd(
  { stage, topic, partition }: StagePlace,
  { next, end }: { readonly next: number; readonly end: number },
): TransportError {
  return new TransportError(
    `${topic}, partition ${partition}: expected progress of the stage ${stage} from 0 to ${end}, the end, found ${next}. ` +
      `Was the topic deleted and made again? ${afterRemaking(stage)}`,
  );
}

/** Progress in a topic of the same name that is not there any more. */
export function topicRemade({ stage, topic }: Pick<StagePlace, 'stage' | 'topic'>): TransportError {
  return new TransportError(
    `${topic} was deleted and made again: the progress of the stage ${stage} belongs to the one before, whose records ` +
      `are gone. ${afterRemaking(stage)}`,
  );
}

/** The input went away under the stage. */
export function topicDeleted({ stage, topic }: Pick<StagePlace, 'stage' | 'topic'>): TransportError {
  return new TransportError(
    `${topic}, which the stage ${stage} reads, was deleted under the run: its records are gone. ${afterRemaking(stage)}`,
  );
}

/** A stage has written, and nobody remembers how far it was. */
export function progressForgotten(
  { stage, topic }: Pick<StagePlace, 'stage' | 'topic'>,
  wrote: string,
): TransportError {
  return new TransportError(
    `The stage ${stage} has no progress in ${topic}, but ${wrote} has its outputs: the progress was deleted, or forgotten ` +
      `(the brokers' offsets.retention.minutes), and it would do all its work a second time. Where it was done with all: ` +
      `swirl reset --stage ${stage} --to latest; where it had come to an offset: --partition P --to OFFSET, which is ` +
      `checked. Or do it again in a new run: swirl reset --stage ${stage} --to earliest --into NEW`,
  );
}

function afterRemaking(stage: string): string {
  return (
    `To go on with what is there now: swirl reset --stage ${stage} --to earliest. To do work again from records that are ` +
    'left: swirl replay'
  );
}
