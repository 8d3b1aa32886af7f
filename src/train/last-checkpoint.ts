/** The newest checkpoint in a run's folder, for those who look and do not train. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** That with the largest step; null where there is none. */
export function lastCheckpoint(run: string): { readonly step: number; readonly path: string } | null {
  const folder = join(run, 'checkpoints');
  if (!existsSync(folder)) return null;
  const steps = readdirSync(folder).flatMap((name) => /^step-(\d+)$/.exec(name)?.[1] ?? []);
  if (steps.length === 0) return null;
  const step = Math.max(...steps.map(Number));
  return { step, path: join(folder, `step-${step}`) };
}
