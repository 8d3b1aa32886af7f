/** What the page may ask for, by path and query. Everything in a query is checked: anybody may write it. */
import { z } from 'zod';
import { ConfigError } from '../errors.ts';
import type { OpenRuns } from './open-runs.ts';
import type { RunWatch } from './run-watch.ts';
import type { Place } from './watched-run.ts';

/** How long a search goes on before it answers with what it has, in milliseconds. */
const SEARCH_MS = 1500;

const flag = z.enum(['yes', 'no']).transform((text) => text === 'yes');

const listQuery = z.object({
  search: z.string().max(200).optional(),
  task: z.string().max(200).optional(),
  label: z.enum(['GOOD', 'BAD', 'UNKNOWN']).optional(),
  end: z.enum(['ANSWERED', 'OUT_OF_STEPS', 'OUT_OF_CONTEXT']).optional(),
  right: flag.optional(),
  accepted: flag.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** Offsets joined by commas: `next` of the page before. */
  next: z
    .string()
    .regex(/^\d{1,15}(?:,\d{1,15}){0,1023}$/)
    .transform((text) => text.split(',').map(Number))
    .nullable()
    .default(null),
});

const placeText = /^(\d{1,4}):(\d{1,15})$/;

/** The answer as a value for JSON; undefined where there is no such thing. Throws `ConfigError`. */
export async function answerOf(path: string, query: URLSearchParams, runs: OpenRuns): Promise<unknown> {
  if (path === 'runs') return { first: runs.first, runs: runs.names() };
  const run = await runs.get(query.get('run') ?? runs.first);
  return ofRun(run, path, query);
}

async function ofRun(run: RunWatch, path: string, query: URLSearchParams): Promise<unknown> {
  switch (path) {
    case 'about':
      return run.about();
    case 'flow':
      return run.flow();
    case 'curves':
      return run.curves();
    case 'failures':
      return run.failures();
    case 'outcomes':
      return run.outcomes();
    case 'trajectories': {
      const { limit, next, ...filters } = parsed(query);
      return run.trajectories(given(filters), next, { limit, budgetMs: SEARCH_MS });
    }
    case 'trajectory':
      return (await run.trajectory(whereIn(query))) ?? undefined;
    default:
      return undefined;
  }
}

function parsed(query: URLSearchParams) {
  const result = listQuery.safeParse(Object.fromEntries([...query].filter(([, value]) => value !== '')));
  if (result.success) return result.data;
  throw new ConfigError(z.prettifyError(result.error));
}

/** Without what was left out. */
function given<T extends object>(filters: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== undefined)) as never;
}

/** The place or the id of a trajectory. */
function whereIn(query: URLSearchParams): Place | string {
  const [, partition, offset] = placeText.exec(query.get('place') ?? '') ?? [];
  if (partition === undefined) return (query.get('id') ?? '').slice(0, 1000);
  return { partition: Number(partition), offset: Number(offset) };
}
