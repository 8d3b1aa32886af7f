/** The examples' stages and topics of one's own in the flow with the adding policy: between topics, beside them, and among turns. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPackages } from './built-program.ts';
import { sumsTopology } from './sums-topology.ts';
import type { Workplace } from './swirl-process.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Puts the modules beside the topology, with the packages that they import. */
export function withModules(place: Workplace): void {
  place.write('package.json', { type: 'module' });
  installPackages(place.folder, 'rxjs', 'zod');
  for (const file of ['distinct-trajectories.ts', 'flag-bad-steps.ts', 'flagged.avsc']) {
    cpSync(join(root, 'docs', 'examples', file), place.path(file));
  }
  // A stage among those that take turns: their order must not depend on when it comes to its work.
  place.write('pass.js', 'export const pass = (turns$) => turns$;\n');
}

export function ownStagesTopology(folder: string, device: 'auto' | 'reference' = 'reference') {
  const topology = sumsTopology(folder, device);
  const module = { kind: 'module' };
  return {
    ...topology,
    // Cool enough to say the same again now and then.
    policy: { ...topology.policy, temperature: 0.3 },
    topics: {
      first: { record: 'turns' },
      distinct: { record: 'judged' },
      flagged: { schema: './flagged.avsc', key: 'trajectory' },
    },
    stages: {
      ...topology.stages,
      start: { ...topology.stages.start, rollouts: 4, writes: ['first'] },
      enter: { ...module, path: './pass.js', export: 'pass', reads: 'first', writes: ['turns'] },
      similar: {
        ...module,
        path: './distinct-trajectories.ts',
        settings: { threshold: 0.99 },
        ...{ reads: 'judged', writes: ['distinct'] },
      },
      flag: { ...module, path: './flag-bad-steps.ts', reads: 'judged', writes: ['flagged'] },
      filter: { mode: 'none', reads: 'distinct' },
    },
  };
}
