/**
 * The schemas that earlier versions of Swirl wrote with, kept in `schemas/earlier/NUMBER/` as they were: an
 * old run's records bear their ids. Read only when such an id is met.
 */
import { readdirSync } from 'node:fs';
import type { Topic } from '../records.generated.ts';
import type { AvroSchema } from './schema-tree.ts';
import { loadSchemas } from './schemas.ts';

const folder = new URL('../../../schemas/earlier/', import.meta.url);
let found: ReadonlyMap<string, AvroSchema> | undefined;

/** The schema of a topic that an earlier version knew by this id; undefined: none did. */
export function earlierSchema(topic: Topic, id: number): AvroSchema | undefined {
  found ??= new Map(
    readdirSync(folder).flatMap((version) =>
      [...loadSchemas(new URL(`${version}/`, folder)).topics.values()].map(
        (old) => [`${old.topic}:${old.id}`, old.schema] as const,
      ),
    ),
  );
  return found.get(`${topic}:${id}`);
}
