/** The tool `module`: a function of the user's answers the policy's calls. */
import { z } from 'zod';
import { TAG_PATTERN } from '../agent/action.ts';
import { openParameters } from '../agent/arguments/parameters.ts';
import { readArgument } from '../agent/arguments/read-argument.ts';
import { refusalOf } from '../agent/observations.ts';
import type { Tool, ToolDescription } from '../agent/tool.ts';
import { NOTHING_FOUND } from '../agent/tool.ts';
import { ToolError } from '../errors.ts';
import type { ToolCall } from '../parts/calls.ts';
import type { ToolTold } from '../parts/define.ts';
import { toolKind } from '../parts/tool-kind.ts';
import { LATE } from '../runtime/time-limit.ts';
import type { Observation } from '../topics/records.generated.ts';
import {
  type ModuleContext,
  type ModulePart,
  openModulePart,
  readGiven,
  shown,
  tryModule,
} from './call-module.ts';
import { loadPart } from './load-part.ts';
import { moduleSettings } from './module-settings.ts';

const STATUSES = ['OK', 'REFUSED', 'TIMED_OUT'] as const;

export const moduleTool = toolKind({
  name: 'module',
  about: "A tool of one's own, in a module.",
  settings: moduleSettings.extend({
    tag: z.string().regex(TAG_PATTERN).describe('The tag that calls the tool.'),
    pure: z
      .boolean()
      .default(false)
      .describe(
        'Whether its result depends on the argument alone and is cheap, so that the rules may ask it too.',
      ),
    cached: z
      .boolean()
      .default(false)
      .describe(
        "Whether results are kept in the topology's `cache`, and shown again for the same call while the module is the same.",
      ),
    concurrency: z.int().min(1).max(10_000).default(64).describe('Most calls of it at once; others wait.'),
    maxArgumentChars: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(8000)
      .describe('Longer arguments of a tool that declares `parameters` are refused.'),
  }),
  make: async (config, context: ModuleContext): Promise<Tool> => {
    const place = { ...context, name: `tools.${context.name}` };
    return toolOf(await openModulePart('tool', config, place), { ...config, name: context.name });
  },
  describe: async (config, context: ModuleContext) => {
    const name = `tools.${context.name}`;
    const { definition } = await loadPart('tool', config, { name, limits: context.modules });
    return descriptionOf(definition as ToolTold, name);
  },
});

/** The settings of one that a program hands over. */
export const givenTool = moduleTool.settings.omit({
  path: true,
  export: true,
  hash: true,
  settings: true,
  cached: true,
});

/** A tool of the user's function. */
export async function toolOf(
  { call, definition, origin, where, close }: ModulePart<ToolCall>,
  config: z.output<typeof givenTool> & { readonly name: string },
): Promise<Tool> {
  const told = definition as ToolTold;
  const { name, tag, pure, concurrency, timeoutMs, maxArgumentChars: maxChars } = config;
  const description = await descriptionOf(told, `tools.${name}`);
  const parameters = told.parameters === undefined ? null : await openOf(told, `tools.${name}`);
  const observation = (status: Observation['status'], text: string): Observation => {
    const plain = text.toWellFormed();
    return { tool: name, status, text: plain.trim() === '' ? NOTHING_FOUND : plain, by: origin };
  };
  return {
    ...{ name, tag, pure, concurrency, close },
    describe: async () => description,
    call: async (argument, { signal }) => {
      const read =
        parameters === null ? { arguments: null } : readArgument(argument, { parameters, maxChars });
      if ('problem' in read) return { ...refusalOf(name, read.problem), by: origin };
      const { arguments: given } = read;
      const about = `the call ${JSON.stringify(argument.slice(0, 80))}`;
      const calling = { where, about, timeoutMs, signal, Fault: ToolError };
      const ask = (end: AbortSignal) => call(argument, { signal: end, arguments: given });
      const answer: unknown = await tryModule(ask, calling);
      if (answer === LATE) return observation('TIMED_OUT', `${name} did not answer in ${timeoutMs} ms.`);
      const found = readGiven(() => observationIn(answer), calling);
      if (found !== null) return observation(found.status, found.text);
      throw new ToolError(
        `${where} gave no observation for ${about}: expected a text, or { status: ${STATUSES.join(' or ')}, text }, found ${shown(answer)}`,
      );
    },
  };
}

async function descriptionOf(told: ToolTold, where: string): Promise<ToolDescription> {
  const { description = '', example = '', parameters } = told;
  if (parameters === undefined) return { description, example, parameters: ONE_TEXT };
  return { description, parameters, example: (await openOf(told, where)).example };
}

function openOf({ parameters = ONE_TEXT, example }: ToolTold, where: string) {
  return openParameters(parameters, { where: `${where}, its \`parameters\``, example: example ?? null });
}

/** What a policy is told of a tool whose definition says no more: that it takes one text. */
const ONE_TEXT = { type: 'object', properties: { argument: { type: 'string' } }, required: ['argument'] };

function observationIn(
  answer: unknown,
): { readonly status: (typeof STATUSES)[number]; readonly text: string } | null {
  if (typeof answer === 'string') return { status: 'OK', text: answer };
  if (typeof answer !== 'object' || answer === null) return null;
  const { status = 'OK', text } = answer as { status?: unknown; text?: unknown };
  const known = STATUSES.find((one) => one === status);
  return known === undefined || typeof text !== 'string' ? null : { status: known, text };
}
