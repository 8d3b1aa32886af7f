/** Whether the schema registry that a topology names answers, lets us in, and is one. Registers nothing. */
import { readFileSync } from 'node:fs';
import { SwirlError } from '../errors.ts';
import type { Topology } from '../topology/topology.ts';
import type { Check } from './doctor-check.ts';

/** One check; none where there is no registry. */
export async function* checkRegistry(
  { run, transport, topics }: Pick<Topology, 'run' | 'transport' | 'topics'>,
  env: Readonly<Record<string, string | undefined>>,
): AsyncGenerator<Check> {
  if (transport.kind !== 'kafka' || transport.registry === null) return;
  const [{ registryClient }, { subjectOf }] = await Promise.all([
    import('../topics/registry/registry-client.ts'),
    import('../topics/registry/open-codec.ts'),
  ]);
  // Once: the user waits, and can ask again.
  const config = { ...transport.registry, attempts: 1 };
  const name = 'schema registry';
  try {
    const deps = { env, readFile: readFileSync, fetch: globalThis.fetch, sleep: async () => {} };
    // Questions that are JSON have no schema.
    const topic = topics.questions.format === 'json' ? 'failures' : 'questions';
    const known = await registryClient(config, deps).knows(subjectOf(run, topic));
    const later = config.register ? 'opening the run will register them' : 'somebody must register them';
    const found = known ? `has schemas of run ${run}` : `has none of run ${run} yet: ${later}`;
    yield known || config.register
      ? { name, ok: true, found: `${config.url} ${found}` }
      : {
          name,
          ok: false,
          found: `${config.url} ${found}`,
          fix: 'register them (`swirl schema TOPIC` prints each), or set transport.registry.register to true',
        };
  } catch (error) {
    if (!(error instanceof SwirlError)) throw error;
    yield { name, ok: false, found: error.message, fix: 'start the registry, or correct transport.registry' };
  }
}
