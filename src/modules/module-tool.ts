/** The tool `module`: a function of the user's answers the policy's calls. */
import { z } from 'zod';
import { TAG_PATTERN } from '../agent/action.ts';
import type { Tool } from '../agent/tool.ts';
import { NOTHING_FOUND } from '../agent/tool.ts';
import { ToolError } from '../errors.ts';
import type { ToolTold } from '../parts/define.ts';
import { kind } from '../parts/kind.ts';
import { LATE } from '../runtime/time-limit.ts';
import type { Observation } from '../topics/records.generated.ts';
import { type ModuleContext, openModulePart, shown, tryModule } from './call-module.ts';
import { moduleSettings } from './module-settings.ts';

const STATUSES = ['OK', 'REFUSED', 'TIMED_OUT'] as const;

export const moduleTool = kind({
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
    concurrency: z.int().min(1).max(10_000).default(64).describe('Most calls of it at once; others wait.'),
  }),
  make: async (config, context: ModuleContext): Promise<Tool> => {
    const place = { ...context, name: `tools.${context.name}` };
    const { call, definition, origin, where, close } = await openModulePart('tool', config, place);
    const { description = '', example = '', parameters = ONE_TEXT } = definition as Partial<ToolTold>;
    const { tag, pure, concurrency, timeoutMs } = config;
    const { name } = context;
    const observation = (status: Observation['status'], text: string): Observation => {
      const plain = text.toWellFormed();
      return { tool: name, status, text: plain.trim() === '' ? NOTHING_FOUND : plain, by: origin };
    };
    return {
      ...{ name, tag, pure, concurrency, close },
      describe: async () => ({ description, parameters, example }),
      call: async (argument, { signal }) => {
        const about = `the call ${JSON.stringify(argument.slice(0, 80))}`;
        const answer: unknown = await tryModule((end) => call(argument, { signal: end }), {
          ...{ where, about, timeoutMs, signal },
          Fault: ToolError,
        });
        if (answer === LATE) return observation('TIMED_OUT', `${name} did not answer in ${timeoutMs} ms.`);
        const found = observationIn(answer);
        if (found !== null) return observation(found.status, found.text);
        throw new ToolError(
          `${where} gave no observation for ${about}: expected a text, or { status: ${STATUSES.join(' or ')}, text }, found ${shown(answer)}`,
        );
      },
    };
  },
});

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
