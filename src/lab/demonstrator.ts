/** The demonstrator: works on a question with the real tools, well or badly in known ways. */

import { ANSWER_TAG, noToolObservation, parseAction } from '../agent/action.ts';
import type { Tool } from '../agent/tool.ts';
import { writtenAction } from '../agent/written-action.ts';
import type { Action, Observation, Question, Step, Trajectory } from '../topics/records.generated.ts';
import type { Act } from './act.ts';
import { derivationOf } from './derivation.ts';
import type { Draw } from './draw.ts';
import { drawFor } from './draw.ts';
import type { Fault, FaultsConfig } from './faults.ts';
import { reckonerActs } from './reckoner.ts';
import { searcherActs } from './searcher.ts';
import { labTasks, labTools } from './task-settings.ts';
import type { World } from './world.ts';

export interface DemonstratorOptions {
  /** Whose articles are searched. */
  readonly world: World;
  readonly search: Tool;
  readonly calculator: Tool;
  readonly faults: FaultsConfig;
  readonly seed: number;
  readonly signal: AbortSignal;
}

export interface Demonstration {
  readonly trajectory: Trajectory;
  /** Per step: what is wrong with it; null for a sound one. */
  readonly faults: readonly (Fault | null)[];
}

/**
 * Works on a question of the world. The result is a function of the seed, the question and the rollout's
 * index.
 */
export async function demonstrate(
  question: Question,
  rollout: number,
  options: DemonstratorOptions,
): Promise<Demonstration> {
  const id = `${question.id}/${rollout}`;
  const draw = drawFor(options.seed, `demonstration/${id}`);
  const task = question.task === 'search' ? labTasks.search : labTasks.math;
  const steps: Step[] = [];
  const faults: (Fault | null)[] = [];
  for (;;) {
    const act = withSlips(decide(question, steps, options, draw), options.faults, draw);
    const action = written(act, question);
    faults.push(act.fault);
    const ends = action.kind === 'ANSWER' || steps.length + 1 >= task.maxSteps;
    steps.push({ action, observation: ends ? null : await observe(action, options) });
    if (!ends) continue;
    const answered = action.kind === 'ANSWER';
    const end = answered ? 'ANSWERED' : 'OUT_OF_STEPS';
    return { trajectory: { id, question, steps, end, answer: answered ? action.content : null }, faults };
  }
}

function decide(question: Question, steps: readonly Step[], options: DemonstratorOptions, draw: Draw): Act {
  const derivation = derivationOf(question);
  const { faults, world } = options;
  return derivation.kind === 'compute'
    ? reckonerActs(steps, { question, derivation, faults, draw })
    : searcherActs(steps, { question, derivation, world, faults, draw });
}

function withSlips(act: Act, faults: FaultsConfig, draw: Draw): Act {
  return draw.chance(faults.unclosedTag) ? { ...act, unclosed: true, fault: 'unclosedTag' } : act;
}

/** A space opens the content: a word is then the same token here as in the question and the results. */
function written(act: Act, question: Question): Action {
  const tool = labTools[question.task === 'search' ? 'search' : 'math'];
  const tag = act.kind === 'answer' ? ANSWER_TAG : tool.tag;
  const text = `<${tag}> ${act.content}${act.unclosed === true ? '' : `</${tag}>`}`;
  const { kind, tool: called, content } = parseAction(text, [tool]);
  return writtenAction({ text, kind, tool: called, content, policy: 'lab' });
}

async function observe(
  action: Action,
  { search, calculator, signal }: DemonstratorOptions,
): Promise<Observation> {
  if (action.kind === 'TOOL_CALL' && action.content !== null) {
    return (action.tool === 'search' ? search : calculator).call(action.content, { signal });
  }
  const parsed = parseAction(action.text, Object.values(labTools));
  if (parsed.kind !== 'NONE') throw new RangeError(`expected an action without a tool, found ${action.text}`);
  return noToolObservation(parsed);
}
