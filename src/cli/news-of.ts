/** What the page beside a run is told of it. */
import type { Started } from '../open-run.ts';
import type { RunNews } from '../watch/run-news.ts';
import type { RunStatus } from './run-status.ts';

export async function newsOf(started: Started, status: RunStatus): Promise<RunNews> {
  const stages = await started.progress();
  const training = status.trainingParts(stages);
  return { stages, training: training.length === 0 ? null : training.join(', ') };
}
