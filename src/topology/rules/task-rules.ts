/** Rules about tasks and their tools. */
import { nearest } from '../suggest.ts';
import { error, type Rule, warning } from './rule.ts';

export const noTasks: Rule = {
  name: 'no-tasks',
  about: 'Where questions are answered there is at least one task.',
  check: (topology) =>
    (topology.stages.start === undefined && topology.stages.rollout === undefined) ||
    Object.keys(topology.tasks).length > 0
      ? []
      : [
          error(
            ['tasks'],
            'there is no task: questions name one, which sets instructions, tools and `maxSteps`',
          ),
        ],
};

export const unknownTool: Rule = {
  name: 'unknown-tool',
  about: 'The tools of a task are defined under `tools`.',
  check: (topology) => {
    const known = Object.keys(topology.tools);
    return Object.entries(topology.tasks).flatMap(([task, { tools }]) =>
      tools.flatMap((tool, index) => {
        if (known.includes(tool)) return [];
        const near = nearest(tool, known);
        const hint =
          near !== null ? `did you mean \`${near}\`?` : `defined are: ${known.join(', ') || 'none'}`;
        const path = ['tasks', task, 'tools', index];
        return [
          error(path, `the task \`${task}\` has the tool \`${tool}\`, which is not under \`tools\`; ${hint}`),
        ];
      }),
    );
  },
};

export const unusedTool: Rule = {
  name: 'unused-tool',
  about: 'Every tool belongs to some task.',
  check: (topology) => {
    const used = new Set(Object.values(topology.tasks).flatMap((task) => task.tools));
    return Object.keys(topology.tools).flatMap((tool) =>
      used.has(tool) ? [] : [warning(['tools', tool], `no task has the tool \`${tool}\``)],
    );
  },
};

export const repeatedTool: Rule = {
  name: 'repeated-tool',
  about: 'A task names a tool once, and has at most one tool of a kind: their tags are the same.',
  check: (topology) =>
    Object.entries(topology.tasks).flatMap(([task, { tools }]) => {
      const kinds = new Map<string, string>();
      return tools.flatMap((tool, index) => {
        const kind = topology.tools[tool]?.kind;
        if (kind === undefined) return [];
        const other = kinds.get(kind);
        if (other === undefined) {
          kinds.set(kind, tool);
          return [];
        }
        const path = ['tasks', task, 'tools', index];
        const what = other === tool ? 'is there twice' : `is called by the same tag as \`${other}\``;
        return [error(path, `the task \`${task}\`: the tool \`${tool}\` ${what}`)];
      });
    }),
};

export const noStepLeft: Rule = {
  name: 'no-step-for-tools',
  about: 'A task with tools has at least two steps: one to call, one to answer.',
  check: (topology) =>
    Object.entries(topology.tasks).flatMap(([task, { tools, maxSteps }]) =>
      tools.length === 0 || maxSteps >= 2
        ? []
        : [
            warning(
              ['tasks', task, 'maxSteps'],
              `the task \`${task}\` has tools but only ${maxSteps} step: after a call none is left for the answer`,
            ),
          ],
    ),
};
