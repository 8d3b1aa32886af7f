/** The properties of promises.test.ts, for it and for bench/promises.ts, which looks at many more topologies. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import fc from 'fast-check';
import { embeddedConfig } from '../../src/topics/embedded/embedded-config.ts';
import { openEmbeddedLog } from '../../src/topics/embedded/embedded-log.ts';
import { type Action, actions, flow, interruptions } from './arbitrary-flow.ts';
import type { Place } from './interrupted-run.ts';
import { checkRun, inOrder, livedIn, replayed } from './lived-run.ts';
import { type Flow, topologyOf } from './random-topology.ts';

const config = embeddedConfig.parse({ pollMs: 1, durable: false, maxLogBytes: 2 ** 26 });
const feed: Action = { kind: 'feed', count: 5 };

/** The properties, with their runs in a folder. */
export function properties(folder: string) {
  let places = 0;
  /** A run of its own on the embedded log. */
  const newPlace = (of: Flow): Place => {
    const run = `r${places++}`;
    const topology = topologyOf(of, folder);
    const open = () => openEmbeddedLog({ folder, run, config });
    return { flow: of, topology, folder: join(folder, run), open };
  };
  return {
    'whatever is done to a run, it has every record once in the end': fc.asyncProperty(
      flow,
      actions,
      async (of, done) => {
        await livedIn(newPlace(of), done, checkRun);
      },
    ),
    'where stages take turns, interrupting a run changes no order and no weights': fc.asyncProperty(
      flow,
      interruptions,
      async (random, done) => {
        const of: Flow = { ...random, partitions: 1, merge: 'deterministic' };
        const plain = await livedIn(newPlace(of), [feed], inOrder);
        assert.deepEqual(await livedIn(newPlace(of), [feed, ...done], inOrder), plain);
      },
    ),
    'interrupted as they come, a replay of what was scored gives the weights again': fc.asyncProperty(
      flow,
      interruptions,
      async (random, done) => {
        const of: Flow = { ...random, later: 6, merge: 'arrival' };
        await livedIn(newPlace(of), [feed, ...done], async (lived) => {
          await checkRun(lived);
          await replayed(lived, newPlace(of));
        });
      },
    ),
  };
}
