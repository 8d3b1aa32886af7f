/**
 * The instructions of tasks that have none of their own. They are Swirl's, and name the tools: those of other
 * people have to be asked. So they are written when a run begins, kept in its folder, and stay what they
 * were.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { instructionsFor, type ToldTool } from '../agent/instructions.ts';
import { examineFile } from './load.ts';
import { RESOLVED_FILE, runFolder } from './resolved.ts';
import type { Topology } from './topology.ts';

export interface SettleTasksOptions {
  /** A tool by its name, as policies are told of it; null where there is none. */
  readonly toldOf: (name: string, signal: AbortSignal) => Promise<ToldTool | null>;
  readonly signal: AbortSignal;
}

/** The topology with the instructions of every task. Throws as tools do that cannot be asked. */
export async function settleTasks(
  topology: Topology,
  { toldOf, signal }: SettleTasksOptions,
): Promise<Topology> {
  const tasks: Topology['tasks'] = {};
  for (const [name, task] of Object.entries(topology.tasks)) {
    if (task.instructions !== null) tasks[name] = task;
    else {
      const told: ToldTool[] = [];
      for (const tool of task.tools) told.push(...[await toldOf(tool, signal)].flatMap((one) => one ?? []));
      const { maxSteps } = task;
      const instructions = instructionsFor({ maxSteps, tools: told, calls: callsOf(topology) });
      tasks[name] = { ...task, instructions };
    }
  }
  return { ...topology, tasks };
}

/** Whether some task's instructions are still to be written. */
export function isUnsettled({ tasks }: Topology): boolean {
  return Object.values(tasks).some(({ instructions }) => instructions === null);
}

/**
 * The topology with the instructions that its run has begun with, where they were Swirl's and the tools are
 * the same.
 */
export function withKeptTasks(topology: Topology): Topology {
  const file = join(runFolder(topology), RESOLVED_FILE);
  if (!isUnsettled(topology) || !existsSync(file)) return topology;
  const { topology: before } = examineFile(file);
  if (before === null) return topology;
  const tasks = Object.entries(topology.tasks).map(([name, task]) => {
    const kept = before.tasks[name];
    const same =
      kept !== undefined && task.instructions === null && saysOf(name, topology) === saysOf(name, before);
    return [name, same ? { ...task, instructions: kept.instructions } : task];
  });
  return { ...topology, tasks: Object.fromEntries(tasks) };
}

/** What decides a task's instructions, as far as the topology says it. */
function saysOf(name: string, topology: Topology): string {
  const { tasks, tools } = topology;
  const { tools: names = [], maxSteps } = tasks[name] ?? {};
  return JSON.stringify([maxSteps, names.map((tool) => [tool, tools[tool]]), callsOf(topology)]);
}

/** How the policy calls its tools. */
function callsOf({ policy }: Topology): 'tags' | 'protocol' {
  return policy.kind === 'openai' ? policy.toolCalls : 'tags';
}

export interface BegunTasksOptions extends SettleTasksOptions {
  /** Whether the tools are asked also where nothing is open: to tell what has changed. */
  readonly compare: boolean;
  readonly notify: (message: string) => void;
}

/** The topology with the instructions that its run has begun with, or begins with now. */
export async function begunTasks(topology: Topology, options: BegunTasksOptions): Promise<Topology> {
  const kept = withKeptTasks(topology);
  if (!isUnsettled(kept) && !options.compare) return kept;
  const fresh = await settleTasks(topology, options);
  const tasks = Object.entries(fresh.tasks).map(([name, task]) => {
    const before = kept.tasks[name]?.instructions ?? task.instructions;
    if (before !== task.instructions) {
      options.notify(
        `tasks.${name}: its tools say other things of themselves than when the run began; it goes on with the instructions in ${RESOLVED_FILE}. A run of another name has the new ones.`,
      );
    }
    return [name, { ...task, instructions: before }];
  });
  return { ...fresh, tasks: Object.fromEntries(tasks) };
}
