/**
 * Outputs into other topics: a stage of Swirl's names the topics of its own flow, and a topology may say
 * where they go.
 */
import { map } from 'rxjs';
import type { AnyEmission, StageOperator } from './stage.ts';

/** The operator with its outputs for the topics of `into` in those that stand there. */
export function redirected(
  operator: StageOperator<never, AnyEmission>,
  into: ReadonlyMap<string, string>,
): StageOperator<never, AnyEmission> {
  if (into.size === 0) return operator;
  return (source) =>
    operator(source).pipe(
      map(({ outputs, ...finished }) => ({
        ...finished,
        outputs: outputs.map((output) => ({ ...output, topic: into.get(output.topic) ?? output.topic })),
      })),
    );
}
