/** `defineStage`: an RxJS operator over the records of a topic, for a stage of one's own. */
import type { OperatorFunction } from 'rxjs';
import type { Topic } from '../topics/records.generated.ts';
import type { StageCall } from './calls.ts';
import type { Definition, DefinitionOf, NoSettings } from './define.ts';
import type { CheckedBy, StandardSchemaV1 } from './standard-schema.ts';

/** What a stage says of its operator. */
export interface StageTraits {
  /**
   * `record` (the default): the operator is applied to each record alone, which is all that its source gives
   * before it completes; it may wait. `partition`: it is applied to the stream of a whole partition, which
   * never completes; it answers at once, and its state is built again after a restart.
   */
  readonly over?: 'record' | 'partition';
  /**
   * Which records it takes, by Swirl's topics that hold them; by default anything that the topology gives it.
   */
  readonly reads?: Topic | readonly Topic[];
}

export interface StageDefinition<Settings = never>
  extends Definition<'stage', StageCall, Settings>,
    StageTraits {}

/**
 * A stage: `stages.NAME: { kind: module, path: ./my-stage.ts, reads: judged, writes: [mine] }`. `make` is
 * called for each partition, and again whenever an operator without any state is needed. What the operator
 * gives is written to the topic that the stage writes; `to(topic, record)` says which where there are
 * several.
 *
 * @example
 * export default defineStage({
 *   make: () => (judged$: Observable<Judged>) => judged$.pipe(filter(({ verdict }) => verdict.label !==
 *   'BAD')),
 * });
 */
export function defineStage<In extends object, Schema extends StandardSchemaV1 = NoSettings>(
  definition: DefinitionOf<OperatorFunction<In, unknown>, Schema> & StageTraits,
): StageDefinition<CheckedBy<Schema>> {
  return { ...definition, part: 'stage' } as StageDefinition<CheckedBy<Schema>>;
}
