/**
 * What becomes of a finished delivery whose outputs the log refuses (a key that is too long, a record that a
 * broker finds too large): a failure, whatever its size. Without it the run would stop there, and stop there
 * again whenever it is started (promise 6).
 */
import { OutputRefused } from '../topics/output-refused.ts';
import type { Failure } from '../topics/records.generated.ts';
import type { Output } from '../topics/transport.ts';
import { failureOf, shorterFailures } from './failure.ts';
import type { AnyEmission } from './stage.ts';

export interface RefusedOutputs {
  readonly stage: string;
  /** The delivery. */
  readonly at: { readonly topic: string; readonly partition: number; readonly offset: number };
  /** Its id, where it could be decoded. */
  readonly record: string | null;
  readonly outputs: readonly Output[];
  readonly encode: (emission: AnyEmission) => Output;
  readonly decode: (value: Uint8Array) => Failure;
  readonly commit: (outputs: readonly Output[]) => Promise<void>;
}

/** Commits what can be written in place of the outputs. Throws the last error where nothing can. */
export async function commitRefused(refused: RefusedOutputs, error: OutputRefused): Promise<void> {
  let last = error;
  for (const outputs of inPlaceOf(refused, error)) {
    try {
      await refused.commit(outputs);
      return;
    } catch (again) {
      if (!(again instanceof OutputRefused)) throw again;
      last = again;
    }
  }
  throw last;
}

/** Its own failures, shorter, where it had some; then a failure that says what was refused. */
function* inPlaceOf(refused: RefusedOutputs, error: OutputRefused): Generator<readonly Output[]> {
  const { stage, at, record, outputs, encode, decode } = refused;
  const own = outputs.map((output) =>
    output.topic === 'failures' ? shorterFailures(decode(output.value)).map(encode) : output,
  );
  if (own.some((output) => Array.isArray(output))) {
    for (let shorter = 0; shorter < 2; shorter++) {
      yield own.flatMap((output) => (Array.isArray(output) ? (output[shorter] ?? []) : (output as Output)));
    }
  }
  const failure = failureOf(stage, at, error, { record });
  for (const emission of [failure, ...shorterFailures(failure.value as Failure)]) yield [encode(emission)];
}
