/**
 * What happens in a random topology: what the policy, the tools, the judge and the reward model do is a
 * function of a record's name and a number (the salt), so that what a run must hold in the end can be told
 * from the questions alone.
 */
import { branchName, firstStep, sampleName } from '../../src/topics/record-names.ts';
import type { Topic } from '../../src/topics/records.generated.ts';
import type { Flow, Later } from './random-topology.ts';

/** Of a trajectory. */
export const MOST_STEPS = 4;

/** A number below `of`, made of a name: the same always. */
export function chance({ salt }: Pick<Flow, 'salt'>, name: string, of: number): number {
  let hash = 2166136261 ^ salt;
  for (const character of name) hash = Math.imul(hash ^ character.charCodeAt(0), 16777619);
  // The low bits of neighbors differ by little.
  hash = Math.imul(hash ^ (hash >>> 15), 2246822507);
  return ((hash ^ (hash >>> 13)) >>> 0) % of;
}

/**
 * What the policy does: `broken` calls a tool that always fails, `moody` one that fails the first time, and
 * `flaky` is a call after a try that failed.
 */
export type Act = 'fail' | 'context' | 'none' | 'call' | 'moody' | 'flaky' | 'broken' | 'answer';

const ACTS: readonly Act[] = [
  ...(['fail', 'context', 'broken', 'moody', 'flaky', 'none', 'none'] as const),
  ...Array.from({ length: 8 }, () => 'call' as const),
  ...Array.from({ length: 9 }, () => 'answer' as const),
];

export function actOf(flow: Flow, id: string): Act {
  return ACTS[chance(flow, `acts ${id}`, ACTS.length)] as Act;
}

/** What the judge says; null: it fails. */
export function labelOf(flow: Flow, id: string): 'GOOD' | 'BAD' | null {
  const label = chance(flow, `label ${id}`, 14);
  return label === 0 ? null : label < 3 ? 'BAD' : 'GOOD';
}

/** Null: the reward model fails. */
export function rewardOf(flow: Flow, id: string): number | null {
  const reward = chance(flow, `reward ${id}`, 9);
  return reward === 0 ? null : reward / 8;
}

/** Whether a stage of one's own lets a trajectory pass. */
export function passes(flow: Flow, stage: string, trajectory: string): boolean {
  return chance(flow, `${stage} ${trajectory}`, 4) > 0;
}

/** Of a recorded context that is fed: the step before which it begins again. */
export function contextIndex(flow: Flow, id: string): number {
  return chance(flow, `context ${id}`, 3);
}

/** By topic the names of the records; failures as `stage name`. */
export type Names = Partial<Record<Topic | 'first' | 'contexts' | 'distinct' | 'resampled', string[]>>;

const LATER: readonly Later[] = ['decompose', 'judge', 'filter', 'resample', 'reward', 'train'];

/** Whether a topology has one of the stages after the rollouts. */
export function hasLater(flow: Flow, stage: Later): boolean {
  if (stage === 'resample' && flow.actions === 0) return false;
  return LATER.indexOf(stage) < flow.later;
}

/** The names of every record that there must be in the end, apart from what stages of one's own beside the flow write. */
export function expectedOf(flow: Flow, fed: { questions: number; contexts: number }): Names {
  const found: Names = { failures: [] };
  const add = (topic: keyof Names, ...ids: string[]) => {
    found[topic] = [...(found[topic] ?? []), ...ids];
  };
  for (let n = 0; n < fed.questions; n++) {
    add('questions', `q${n}`);
    for (let rollout = 0; rollout < flow.rollouts; rollout++) {
      if (flow.enter) add('first', `q${n}/${rollout}/0`);
      rollOut(flow, `q${n}/${rollout}`, add);
    }
  }
  for (let n = 0; n < fed.contexts; n++) {
    const place = { trajectory: `c${n}/0`, index: contextIndex(flow, `c${n}`) };
    add('contexts', `c${n}/0/${place.index}`);
    for (let branch = 0; branch < flow.branches; branch++) rollOut(flow, branchName(place, branch), add);
  }
  return found;
}

/** What becomes of a trajectory. */
function rollOut(flow: Flow, trajectory: string, add: (topic: keyof Names, ...ids: string[]) => void): void {
  const count = turnsOf(flow, trajectory, add);
  if (count === null) return;
  add('trajectories', trajectory);
  const first = firstStep(trajectory);
  const steps = Array.from({ length: count - first }, (_, k) => `${trajectory}/${first + k}`);
  if (steps.length === 0 || !hasLater(flow, 'decompose')) return;
  add('sub-trajectories', ...steps);
  if (!hasLater(flow, 'judge')) return;
  add('judged', ...steps);
  add('failures', ...steps.filter((id) => labelOf(flow, id) === null).map((id) => `judge ${id}`));
  if (flow.distinct) {
    if (!passes(flow, 'distinct', trajectory)) return;
    add('distinct', ...steps);
  }
  if (!hasLater(flow, 'filter')) return;
  const isGood = (id: string) => labelOf(flow, id) === 'GOOD' || (labelOf(flow, id) === null && flow.unknown);
  if (flow.mode === 'process' && !steps.every(isGood)) return;
  add('accepted', ...steps);
  for (const step of steps) {
    let ids = [step];
    if (hasLater(flow, 'resample')) {
      ids = Array.from({ length: flow.actions }, (_, n) => sampleName(step, n));
      const isLost = ids.some((id) => ['fail', 'context'].includes(actOf(flow, id)));
      if (isLost) add('failures', `resample ${step}`);
      if (isLost) continue;
      add('resampled', ...ids);
    }
    if (!hasLater(flow, 'reward')) continue;
    for (const id of ids) {
      if (rewardOf(flow, id) === null) add('failures', `reward ${id}`);
      else add('scored', id);
    }
  }
}

/** Adds the turns of a trajectory; returns of how many steps it is, null where it fails. */
function turnsOf(
  flow: Flow,
  trajectory: string,
  add: (topic: keyof Names, ...ids: string[]) => void,
): number | null {
  for (let steps = firstStep(trajectory); ; steps++) {
    const id = `${trajectory}/${steps}`;
    const act = actOf(flow, id);
    add('turns', id);
    if (act === 'fail' || (act === 'context' && steps === 0)) {
      add('failures', `rollout ${id}`);
      return null;
    }
    if (act === 'context') return steps;
    if (act === 'answer' || steps + 1 >= MOST_STEPS) return steps + 1;
    if (act === 'none') continue;
    add('tool-calls', id);
    if (act === 'broken') {
      add('failures', `tools ${id}`);
      return null;
    }
  }
}
