/** Rules about tasks and their tools. */
import { ANSWER_TAG, parseAction } from '../../agent/action.ts';
import { nearest } from '../../suggest.ts';
import { hasStage } from '../flow.ts';
import { error, type Rule, warning } from './rule.ts';

export const noTasks: Rule = {
  name: 'no-tasks',
  about: 'Where questions are answered there is at least one task.',
  check: (topology) =>
    (!hasStage(topology, 'start') && !hasStage(topology, 'rollout')) || Object.keys(topology.tasks).length > 0
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
  about: 'A task names a tool once.',
  check: (topology) =>
    Object.entries(topology.tasks).flatMap(([task, { tools }]) =>
      tools.flatMap((tool, index) =>
        tools.indexOf(tool) === index
          ? []
          : [error(['tasks', task, 'tools', index], `the task \`${task}\` has the tool \`${tool}\` twice`)],
      ),
    ),
};

export const sharedTag: Rule = {
  name: 'shared-tag',
  about: 'Each tool is called by its own tag, which is not that of the answer.',
  check: (topology) => {
    const owners = new Map([[ANSWER_TAG, 'the final answer']]);
    return Object.entries(topology.tools).flatMap(([name, { tag }]) => {
      const owner = owners.get(tag);
      if (owner === undefined) {
        owners.set(tag, `the tool \`${name}\``);
        return [];
      }
      return [
        error(['tools', name, 'tag'], `<${tag}> is already the tag of ${owner}: give each tool its own`),
      ];
    });
  },
};

export const unfilledSlot: Rule = {
  name: 'unfilled-slot',
  about: 'Instructions are sent as they are: nothing in them is filled in.',
  check: ({ stages, tasks }) =>
    stages.rollout === undefined
      ? []
      : Object.entries(tasks).flatMap(([task, { instructions }]) => {
          const slots = [...new Set(instructions?.match(/\{\{\s*[\w.-]+\s*\}\}/g) ?? [])];
          if (slots.length === 0) return [];
          return [
            warning(
              ['tasks', task, 'instructions'],
              `nobody fills ${slots.slice(0, 5).join(', ')}: the policy would read it as it stands (the question comes in a message of its own; write the tags of tools out)`,
            ),
          ];
        }),
};

export const exampleWithoutAction: Rule = {
  name: 'example-without-action',
  about: "What an example's `assistant` writes is a call of one of its task's tools, or an answer.",
  check: ({ tasks, tools }) =>
    Object.entries(tasks).flatMap(([task, { examples, tools: names }]) => {
      const usable = names.flatMap((name) => {
        const tag = tools[name]?.tag;
        return tag === undefined ? [] : [{ name, tag }];
      });
      const tags = [...usable.map(({ tag }) => tag), ANSWER_TAG].map((tag) => `<${tag}>`).join(', ');
      return (examples ?? []).flatMap(({ assistant }, i) => {
        const action = parseAction(assistant, usable);
        return action.kind === 'NONE'
          ? [
              warning(
                ['tasks', task, 'examples', i, 'assistant'],
                `the policy is shown what is no action: ${action.problem} Expected one of ${tags}`,
              ),
            ]
          : [];
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
