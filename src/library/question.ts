/** Questions for programs: what may be left out is filled in. */
import { checkRecord } from '../topics/avro/check-record.ts';
import { withDefaults } from '../topics/avro/json-value.ts';
import { topicSchema } from '../topics/avro/schemas.ts';
import type { Question } from '../topics/records.generated.ts';

/** What a question must say, and what else it may. */
export type QuestionFields = Pick<Question, 'id' | 'task' | 'text'> & Partial<Question>;

/**
 * A record for the topic `questions`. Throws a `DataError` that names the field where one is unknown or of a
 * wrong type.
 *
 * @example
 * question({ id: 'q1', task: 'math', text: 'What is 2 plus 3?', answer: '5' });
 */
export function question(fields: QuestionFields): Question {
  const { tree } = topicSchema('questions');
  return checkRecord('questions', tree, withDefaults(tree, fields)) as Question;
}
