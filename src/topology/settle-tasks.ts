/**
 * The instructions and worked examples of tasks that have none of their own. They are Swirl's, and name the
 * tools: those of other people have to be asked. So they are written when a run begins, kept in its folder,
 * and stay what they were.
 */
import { examplesFor } from '../agent/examples.ts';
import { instructionsFor } from '../agent/instructions.ts';
import type { ToldTool } from '../agent/tool.ts';
import { begunWith } from './kept.ts';
import { RESOLVED_FILE } from './run-files.ts';
import type { Topology } from './topology.ts';

export interface SettleTasksOptions {
  /** A tool by its name, as policies are told of it; null where there is none. */
  readonly toldOf: (name: string, signal: AbortSignal) => Promise<ToldTool | null>;
  readonly signal: AbortSignal;
}

/** The topology with the instructions and examples of every task. Throws as tools do that cannot be asked. */
export async function settleTasks(
  topology: Topology,
  { toldOf, signal }: SettleTasksOptions,
): Promise<Topology> {
  const tasks: Topology['tasks'] = {};
  for (const [name, task] of Object.entries(topology.tasks)) {
    if (task.instructions !== null) tasks[name] = { ...task, examples: task.examples ?? [] };
    else {
      const told: ToldTool[] = [];
      for (const tool of task.tools) told.push(...[await toldOf(tool, signal)].flatMap((one) => one ?? []));
      const { maxSteps } = task;
      const instructions = instructionsFor({ maxSteps, tools: told, calls: callsOf(topology) });
      const examples = task.examples ?? examplesFor({ maxSteps, tools: told });
      tasks[name] = { ...task, instructions, examples };
    }
  }
  return { ...topology, tasks };
}

/** Whether some task's instructions are still to be written. */
export function isUnsettled({ tasks }: Topology): boolean {
  return Object.values(tasks).some(({ instructions }) => instructions === null);
}

/**
 * The topology with the instructions and examples that its run has begun with, where they were Swirl's and
 * the tools are the same. Runs of before there were examples go on without. `begun` is what the run was begun
 * with, for who has read it.
 */
export function withKeptTasks(topology: Topology, begun?: Topology | null): Topology {
  if (!isUnsettled(topology)) return topology;
  const before = begun === undefined ? begunWith(topology) : begun;
  if (before === null) return topology;
  const tasks = Object.entries(topology.tasks).map(([name, task]) => {
    const kept = before.tasks[name];
    const same =
      typeof kept?.instructions === 'string' &&
      task.instructions === null &&
      saysOf(name, topology) === saysOf(name, before);
    if (!same) return [name, task];
    return [
      name,
      { ...task, instructions: kept.instructions, examples: task.examples ?? kept.examples ?? [] },
    ];
  });
  return { ...topology, tasks: Object.fromEntries(tasks) };
}

/** What decides a task's instructions and examples, as far as the topology says it. */
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
    const instructions = kept.tasks[name]?.instructions ?? task.instructions;
    const examples = kept.tasks[name]?.examples ?? task.examples;
    if (instructions !== task.instructions || JSON.stringify(examples) !== JSON.stringify(task.examples)) {
      options.notify(
        `tasks.${name}: its tools say other things of themselves than when the run began; it goes on with the instructions and examples in ${RESOLVED_FILE}. A run of another name has the new ones.`,
      );
    }
    return [name, { ...task, instructions, examples }];
  });
  return { ...fresh, tasks: Object.fromEntries(tasks) };
}
