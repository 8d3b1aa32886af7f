/** A run of the stages that need no model: trajectories become judged and accepted steps. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadTopology, openRun, type Run, type TopologySettings } from '../../src/index.ts';

export interface SmallRun {
  readonly folder: string;
  readonly run: Run;
  /** What `notify` heard. */
  readonly notes: string[];
  cleanup(): Promise<void>;
}

export const settings: TopologySettings = {
  run: 'small',
  fed: ['trajectories', 'questions'],
  tasks: { math: { tools: ['calculator'], instructions: '' } },
  tools: { calculator: { kind: 'calculator' } },
  stages: { decompose: {}, judge: {}, filter: { mode: 'none' }, reward: {} },
  reward: { kind: 'constant', value: 1 },
};

export async function smallRun(): Promise<SmallRun> {
  const folder = mkdtempSync(join(tmpdir(), 'swirl-library-'));
  const notes: string[] = [];
  const notify = (message: string) => notes.push(message);
  const topology = await loadTopology(settings, { folder, notify });
  const run = await openRun(topology, { notify });
  return {
    folder,
    run,
    notes,
    cleanup: async () => {
      await run.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Keeps the thread busy for so many milliseconds: a subscriber that is slow. */
export function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
