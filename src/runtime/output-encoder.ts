/** What a stage emits, as the bytes that are appended. */
import { DataError } from '../errors.ts';
import type { Codec } from '../topics/avro/codec.ts';
import type { Failure } from '../topics/records.generated.ts';
import type { Output } from '../topics/transport.ts';
import { failureOf, idOf, shorterFailures } from './failure.ts';
import type { AnyEmission, Delivery, Finished, Stage } from './stage.ts';

export class OutputEncoder {
  readonly #stage: Pick<Stage, 'name' | 'writes'>;
  readonly #codec: Pick<Codec, 'encode'>;

  constructor(stage: Pick<Stage, 'name' | 'writes'>, codec: Pick<Codec, 'encode'>) {
    this.#stage = stage;
    this.#codec = codec;
  }

  /** Throws a `DataError` where its schema does not allow the record; of a failure as much as fits. */
  encode({ topic, key, value }: AnyEmission): Output {
    if (topic !== 'failures' && !this.#stage.writes.includes(topic)) {
      throw new Error(`stage ${this.#stage.name} wrote to ${topic}, which the topology does not say`);
    }
    const emission = { topic, key, value };
    return topic === 'failures' ? this.#failure(emission) : this.#encode(emission);
  }

  /**
   * An output that its schema does not allow (a NaN reward, a record beyond the size limit) is a failure of
   * its input.
   */
  encodeOrFail(
    at: Pick<Delivery<unknown>, 'topic' | 'partition' | 'offset'>,
    finished: Finished<AnyEmission>,
  ): Output[] {
    try {
      return finished.outputs.map((output) => this.encode(output));
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      return [this.encode(failureOf(this.#stage.name, at, error, { record: recordOf(finished) }))];
    }
  }

  #failure(emission: AnyEmission): Output {
    const shorter = [emission, ...shorterFailures(emission.value as Failure)];
    for (const [n, one] of shorter.entries()) {
      try {
        return this.#encode(one);
      } catch (error) {
        if (!(error instanceof DataError) || n === shorter.length - 1) throw error;
      }
    }
    throw new Error('a failure has shorter forms');
  }

  #encode(emission: AnyEmission): Output {
    return { ...emission, value: this.#codec.encode(emission.topic, emission.value) };
  }
}

/** The finished record's id: as the stage says, or that of its first output. */
export function recordOf({ outputs, record }: Finished<AnyEmission>): string | null {
  return record === undefined ? idOf(outputs[0]?.value ?? {}) : record;
}
