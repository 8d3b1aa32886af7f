/** What the summary of a run says below its table: what failed, why nothing was done, and how to go on. */
import type { RunEnd, StageProgress } from '../runtime/run.ts';
import type { Topology } from '../topology/topology.ts';
import { counted } from './count.ts';
import type { Learnt } from './learnt.ts';
import { folderHere, ofRun, replayOf } from './of-run.ts';
import { swirlCommand } from './own-name.ts';
import { hanging, screenWidth } from './screen.ts';

export function failuresOf(progress: readonly StageProgress[]): number {
  return progress.reduce((sum, { written }) => sum + (written.failures ?? 0), 0);
}

/** What the table does not say: what failed, and why nothing was done. */
export function notesOn(topology: Topology, end: RunEnd, progress: readonly StageProgress[]): string[] {
  const failures = failuresOf(progress);
  if (failures > 0)
    return [
      `${counted(failures, 'record')} failed; look at them with: ${swirlCommand('tap', 'failures', ...ofRun(topology))}`,
      ...waysOn(topology, progress),
    ];
  // What is stopped at its start has not looked yet what there is.
  if (end !== 'drained' || progress.some(({ done, backlog }) => done + backlog > 0)) return [];
  const { fed, source } = topology;
  return [
    source === null
      ? `there was nothing to do: feed ${fed.join(' or ')} with: ${swirlCommand('feed', 'FILE', ...ofRun(topology))}`
      : `there was nothing to do: no records are left in ${source.topic} of the run ${source.run}${isCut(source) ? ' but those that were left out (--until, --without)' : ''}`,
  ];
}

/** The commands that do failed work again, each after what it is for: `swirl retry` leaves some of it. */
function waysOn(topology: Topology, progress: readonly StageProgress[]): string[] {
  const { folder, source, stages } = topology;
  const failed = progress.filter(({ written }) => (written.failures ?? 0) > 0);
  const train = failed.find(({ stage }) => stage === 'train');
  const before = failed.filter((one) => one !== train);
  const read = before.find(({ reads }) => reads === source?.topic);
  // Accepted without its verdict, a step would be trained on twice.
  const judge = stages.filter?.mode === 'none' ? before.find(({ stage }) => stage === 'judge') : undefined;
  const ways: string[] = [];
  if (before.some((one) => one !== read && one !== judge))
    ways.push(`once the cause is mended, feed them again with: ${swirlCommand('retry', ...ofRun(topology))}`);
  if (read !== undefined && source !== null)
    ways.push(
      `what failed of ${source.topic} of ${source.run}, replay again: ${replayOf({ folder, run: source.run }, ['--from', source.topic])}`,
    );
  if (judge !== undefined && judge !== read)
    ways.push(
      `without a verdict steps were accepted; to have them judged in a new run: ${replayOf(topology, ['--only', 'UNKNOWN'])}`,
    );
  if (train !== undefined)
    ways.push(
      `\`train\` has used up what it refused; to train on it, with other settings in a new run: ` +
        replayOf(topology, ['--from', train.reads, '--set', 'SETTING=VALUE']),
    );
  return ways;
}

function isCut({ until, without }: NonNullable<Topology['source']>): boolean {
  return until !== undefined || without.length > 0;
}

/** Why it stopped, and how to go on. */
export function budgetText(topology: Topology, why: string): string {
  const text = `out of budget: ${why}. To go on call this, or another setting of \`budget\`:`;
  const command = swirlCommand('run', ...ofRun(topology), '--set', 'budget.requests=N');
  return `${hanging(text, { width: screenWidth(), indent: 2 })}\n  ${command}`;
}

/** What may be done with what was learnt. A command is one line, to be copied. */
export function nextCommands(topology: Topology, { step, checkpoint }: Learnt): string[] {
  const here = folderHere(topology);
  const policy = `${here}/checkpoints/step-${step}`;
  return [
    ...(checkpoint === null
      ? []
      : [`next: ${swirlCommand('evaluate', 'FILE', ...ofRun(topology), '--policy', policy)}`]),
    `look at it: ${swirlCommand('watch', here)}`,
  ];
}
