/**
 * Records for a run that may hold some of them already. Ids are the names of everything that becomes of a
 * record, and training takes each once: two records of one name must not get into a run.
 */
import { createHash } from 'node:crypto';
import { DataError } from '../errors.ts';
import { contentOf, type KnownRecords } from '../topics/known-records.ts';

export interface FreshOptions {
  /** What the run holds; what passes is added. */
  readonly known: KnownRecords;
  /** Whether the record's id was made by its reader, so that another may take its place. */
  readonly isGenerated: (record: object) => boolean;
  /** Hears of each record that is in the run, or was here, with the same content. */
  readonly onSame: (record: object) => void;
  /** Hears of each record that passes, and whether its reader named it and the content is there under another id. */
  readonly onNew?: (record: object, found: { readonly isElsewhere: boolean }) => void;
  /** Hears of records that are left out; without it the first one is thrown. */
  readonly skip?: ((error: DataError) => void) | undefined;
}

/**
 * The records that the run does not hold. One whose id belongs to another record gets an id of its content
 * where its reader made the id (`q:1` becomes `q:1-3f0c9a52`), so that feeding it again gives the same; where
 * the id was given, it goes to `skip` as a `DataError`, or is thrown.
 */
export async function* freshRecords<T extends object>(
  records: AsyncIterable<T>,
  { known, isGenerated, onSame, onNew, skip }: FreshOptions,
): AsyncGenerator<T, void, void> {
  for await (const given of records) {
    const { id: name } = given as { readonly id?: unknown };
    if (typeof name !== 'string') {
      yield given;
      continue;
    }
    const content = contentOf(given);
    let [record, id] = [given, name];
    let found = known.find(id, content);
    if (found === 'other' && isGenerated(given)) {
      record = renamed(given, content);
      ({ id } = record as unknown as { readonly id: string });
      found = known.find(id, content);
    }
    if (found === 'same') onSame(record);
    else if (found === 'new') {
      onNew?.(record, { isElsewhere: isGenerated(given) && known.hasContent(content) });
      known.add(id, content);
      yield record;
    } else {
      const { source } = given as { readonly source?: unknown };
      const where = typeof source === 'string' ? `${source}: ` : '';
      const error = new DataError(
        `${where}the run, or the file, has another record with the id ${JSON.stringify(id)}: give this one an id of its own, ` +
          'or feed it into another run',
      );
      if (skip === undefined) throw error;
      skip(error);
    }
  }
}

/** The record under a name of its content: of a trajectory, its question's. */
function renamed<T extends object>(record: T, content: string): T {
  const suffix = `-${createHash('sha256').update(content).digest('hex').slice(0, 8)}`;
  const { id, question } = record as { readonly id: string; readonly question?: { readonly id: string } };
  if (question === undefined) return { ...record, id: `${id}${suffix}` };
  const name = `${question.id}${suffix}`;
  const own = id.startsWith(question.id) ? `${name}${id.slice(question.id.length)}` : `${id}${suffix}`;
  return { ...record, id: own, question: { ...question, id: name } };
}
